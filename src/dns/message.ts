/**
 * DNS messages (RFC 1035), as strictly as they need to be read: header, the one question, the answers. What follows the
 * answers is never looked at. Any bytes may come: nothing in here throws, waits or grows beyond the message.
 */
import { ipv4Text, ipv6Text } from '../capture/address.ts';

export interface Question {
  /** Lower case, without the dot at the end; what is no printable ASCII as `\DDD`. Empty for the root. */
  readonly name: string;
  readonly type: number;
}

export interface Answer {
  /** Of the question's name, or of one that it is an alias of. */
  readonly address: string;
  /** Seconds. */
  readonly ttl: number;
}

export interface Message {
  readonly id: number;
  readonly isAnswer: boolean;
  /** 0: no error; 2: servfail; 3: nxdomain … */
  readonly code: number;
  readonly isTruncated: boolean;
  readonly question: Question;
  readonly addresses: readonly Answer[];
}

export const HEADER = 12;
const IN = 1;
const A = 1;
const CNAME = 5;
const AAAA = 28;
const LONGEST_NAME = 255;
const MOST_ALIASES = 32;

/** Undefined: not exactly one question, or not a whole message. */
export function parseMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  if (view.getUint16(4) !== 1) return undefined;
  const name = readName(bytes, HEADER);
  if (!name || name.next + 4 > bytes.length) return undefined;
  const question = { name: name.text, type: view.getUint16(name.next) };
  const addresses = readAnswers(bytes, view, name.next + 4, question.name);
  if (!addresses) return undefined;
  return {
    id: view.getUint16(0),
    isAnswer: (flags & 0x8000) !== 0,
    code: flags & 15,
    isTruncated: (flags & 0x0200) !== 0,
    question,
    addresses,
  };
}

interface Owned extends Answer {
  readonly owner: string;
}

/** Those that belong to the question. Undefined when there are fewer than the header says. */
function readAnswers(bytes: Uint8Array, view: DataView, start: number, asked: string): Answer[] | undefined {
  const aliases = new Map<string, string>();
  const all: Owned[] = [];
  let at = start;
  for (let left = view.getUint16(6); left > 0; left--) {
    const owner = readName(bytes, at);
    if (!owner || owner.next + 10 > bytes.length) return undefined;
    const data = owner.next + 10;
    const end = data + view.getUint16(owner.next + 8);
    if (end > bytes.length) return undefined;
    const type = view.getUint16(owner.next);
    if (view.getUint16(owner.next + 2) === IN) {
      const target = type === CNAME ? readName(bytes, data) : undefined;
      if (type === CNAME && target?.next !== end) return undefined;
      if (target && !aliases.has(owner.text)) aliases.set(owner.text, target.text);
      const address = readAddress(bytes, view, type, data, end);
      if (address !== undefined) all.push({ owner: owner.text, address, ttl: readTtl(view, owner.next + 4) });
    }
    at = end;
  }
  const names = follow(asked, aliases);
  return all.filter(({ owner }) => names.has(owner)).map(({ address, ttl }) => ({ address, ttl }));
}

/** RFC 2181: one with the highest bit set counts as zero. */
function readTtl(view: DataView, at: number): number {
  const ttl = view.getUint32(at);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/** The name, and all that it stands for. */
function follow(asked: string, aliases: ReadonlyMap<string, string>): Set<string> {
  const names = new Set([asked]);
  let name = aliases.get(asked);
  while (name !== undefined && !names.has(name) && names.size <= MOST_ALIASES) {
    names.add(name);
    name = aliases.get(name);
  }
  return names;
}

function readAddress(bytes: Uint8Array, view: DataView, type: number, data: number, end: number): string | undefined {
  if (type === A && end - data === 4) return ipv4Text(view.getUint32(data, true));
  if (type !== AAAA || end - data !== 16) return undefined;
  const isMapped = view.getUint32(data) === 0 && view.getUint32(data + 4) === 0 && view.getUint32(data + 8) === 0xffff;
  // Records show such an address as IPv4.
  return isMapped ? ipv4Text(view.getUint32(data + 12, true)) : ipv6Text(bytes.subarray(data, end));
}

interface Name {
  readonly text: string;
  /** Behind it. */
  readonly next: number;
}

/** Undefined when it does not end, is too long or points anywhere but back. */
function readName(bytes: Uint8Array, start: number): Name | undefined {
  let text = '';
  let size = 0;
  let at = start;
  let next = 0;
  // Each pointer must lead to before where the piece that it ends began: so there is an end.
  let limit = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= limit || target < HEADER) return undefined;
      if (next === 0) next = at + 2;
      at = limit = target;
      continue;
    }
    size += length + 1;
    if (length > 63 || size > LONGEST_NAME || at + 1 + length > bytes.length) return undefined;
    at += 1 + length;
    if (length === 0) return { text, next: next || at };
    const label = readLabel(bytes, at - length, at);
    text = text === '' ? label : `${text}.${label}`;
  }
}

function readLabel(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at++) text += characters[bytes[at] as number];
  return text;
}

/** Presentation form of each byte (RFC 4343): letters in lower case, what would be misread escaped. */
const characters = Array.from({ length: 256 }, (_, code) => {
  if (code <= 0x20 || code >= 0x7f) return `\\${`${code}`.padStart(3, '0')}`;
  const character = String.fromCharCode(code).toLowerCase();
  return character === '.' || character === '\\' ? `\\${character}` : character;
});
