/** DNS messages for tests, made of their parts as they are on the wire. */
import ipaddr from 'ipaddr.js';

export function name(text: string): Buffer {
  const labels = text.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.from([0]),
  ]);
}

export function pointer(to: number): Buffer {
  return Buffer.from([0xc0 | (to >> 8), to & 255]);
}

export function record(owner: Uint8Array, type: number, data: Uint8Array, ttl: number): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, head, data]);
}

export function address(owner: Uint8Array, ip: string, ttl: number): Buffer {
  return record(owner, 1, Buffer.from(ip.split('.').map(Number)), ttl);
}

export function aaaa(owner: Uint8Array, ip: string, ttl: number): Buffer {
  return record(owner, 28, Buffer.from(ipaddr.IPv6.parse(ip).toByteArray()), ttl);
}

export function alias(owner: Uint8Array, target: Uint8Array, ttl = 60): Buffer {
  return record(owner, 5, target, ttl);
}

export interface MessageParts {
  id?: number;
  isAnswer?: boolean;
  code?: number;
  isTruncated?: boolean;
  question: string | Uint8Array;
  type?: number;
  answers?: readonly Uint8Array[];
  /** Answers that the header says there are. */
  count?: number;
  additional?: number;
}

export function message(parts: MessageParts): Buffer {
  const { id = 1, isAnswer = true, code = 0, isTruncated = false, question, type = 1, answers = [] } = parts;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x0100 | (isAnswer ? 0x8080 : 0) | (isTruncated ? 0x0200 : 0) | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(parts.count ?? answers.length, 6);
  head.writeUInt16BE(parts.additional ?? 0, 10);
  const asked = typeof question === 'string' ? name(question) : question;
  return Buffer.concat([head, asked, Buffer.from([type >> 8, type & 255, 0, 1]), ...answers]);
}
