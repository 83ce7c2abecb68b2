/** Where ntopng is, as it is typed: the same text as behind ntopng's own `-i`, seen from the other side. */

export interface Endpoint {
  /** As ZeroMQ wants it: `tcp://127.0.0.1:1234`. */
  readonly address: string;
  /** Whether ntopng listens there (its collector mode) and we connect. */
  readonly connects: boolean;
}

/** `zmq://` is ntopng's other word for `tcp://`. The last letter turns the roles around. */
const SHAPE = /^(?:tcp|zmq):\/\/(\*|[\w.-]+|\[[\da-fA-F:.]+(?:%[\w.-]+)?\]):(\d{1,5})(c?)$/;

/** Undefined: not understood. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, host, port, suffix] = SHAPE.exec(text) ?? [];
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  const connects = suffix === 'c';
  if (!isPort || (connects && host === '*')) return undefined;
  return { address: `tcp://${host}:${port}`, connects };
}

/** Of ZeroMQ's alphabet for keys: all printable ASCII but what quotes and shells trip over. */
const Z85 = /^[\da-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

/**
 * ntopng's public key in 40 characters of Z85, as its file zmq-key.pub has it, or in the 80 hexadecimal digits of these
 * characters, as its web interface shows it. Returns the former; undefined: neither.
 */
export function parsePublicKey(text: string): string | undefined {
  const key = /^[\da-fA-F]{80}$/.test(text) ? Buffer.from(text, 'hex').toString('latin1') : text;
  return Z85.test(key) ? key : undefined;
}
