/** A few bytes of protobuf, written by hand: fields with a length below 128. */

export function field(number: number, ...content: readonly number[]): Buffer {
  return Buffer.from([number * 8 + 2, content.length, ...content]);
}

export function text(number: number, value: string): Buffer {
  return field(number, ...Buffer.from(value));
}
