/** What the scripted server does to requests. */

export const plays = [
  'ok',
  'unavailable',
  'exhausted',
  'exhausted with RetryInfo',
  'slow',
  'acknowledgement lost',
  'partial success',
  'goaway',
  'black hole',
  'away',
] as const;

export interface Play {
  readonly name: (typeof plays)[number];
}

/** A gRPC message: ExportLogsServiceResponse { partial_success = 1 { rejected_log_records = 1, error_message = 2 } }. */
export function ok(rejected: number): Uint8Array {
  const body = rejected === 0 ? [] : [0x0a, 0x04, 0x08, rejected, 0x12, 0x00];
  return Uint8Array.of(0, 0, 0, 0, body.length, ...body);
}

/** google.rpc.Status { code = 1, details = 3: Any { type_url = 1, value = 2: RetryInfo { retry_delay = 1 { nanos = 2 } } } } */
export function retryDetails(milliseconds: number): Buffer {
  const field = (number: number, content: Uint8Array) =>
    Buffer.concat([Buffer.of((number << 3) | 2, content.length), content]);
  const nanoseconds = varint(milliseconds * 1e6);
  const duration = Buffer.concat([Buffer.of(2 << 3), nanoseconds]);
  const any = Buffer.concat([
    field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    field(2, field(1, duration)),
  ]);
  return Buffer.concat([Buffer.of(1 << 3, 8), field(3, any)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.of(...bytes, value);
}
