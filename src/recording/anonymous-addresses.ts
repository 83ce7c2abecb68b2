/**
 * Other addresses for those of a recording. What says nothing of its owner stays (loopback, multicast, unspecified); the
 * others are counted from 1 within a block of their kind, so private stays private: 10.0.0.1, 10.0.0.2 … Public ones
 * become 240.0.0.1 … and 2001:db8::1 …, which nobody has. That two were in one network is lost.
 */
import { LRUCache } from 'lru-cache';

export interface AddressBook {
  /** Overwrites an address of 4 or 16 bytes. */
  replace(address: Uint8Array): void;
}

/** Addresses remembered; one that comes again after so many others gets another number. */
const LIMIT = 262_144;

interface Block {
  readonly has: (address: Uint8Array) => boolean;
  /** Undefined: its addresses stay. */
  readonly base: readonly number[] | undefined;
  /** How many addresses there are to count through. */
  readonly size: number;
}

const any = (): boolean => true;

const blocks4: readonly Block[] = [
  { has: ([a]) => a === 0 || a === 127 || (a as number) >= 224, base: undefined, size: 0 },
  { has: ([a]) => a === 10, base: [10, 0, 0, 0], size: 2 ** 24 },
  { has: ([a, b]) => a === 172 && ((b as number) & 0xf0) === 16, base: [172, 16, 0, 0], size: 2 ** 20 },
  { has: ([a, b]) => a === 192 && b === 168, base: [192, 168, 0, 0], size: 2 ** 16 },
  { has: ([a, b]) => a === 169 && b === 254, base: [169, 254, 0, 0], size: 2 ** 16 },
  { has: ([a, b]) => a === 100 && ((b as number) & 0xc0) === 64, base: [100, 64, 0, 0], size: 2 ** 22 },
  { has: any, base: [240, 0, 0, 0], size: 2 ** 28 },
];

const zeros = new Array<number>(12).fill(0);

const blocks6: readonly Block[] = [
  {
    has: (address) => address[0] === 0xff || address.subarray(0, 15).every((byte) => byte === 0),
    base: undefined,
    size: 0,
  },
  { has: ([a, b]) => a === 0xfe && ((b as number) & 0xc0) === 0x80, base: [0xfe, 0x80, ...zeros, 0, 0], size: 2 ** 32 },
  { has: ([a]) => ((a as number) & 0xfe) === 0xfc, base: [0xfd, 0, ...zeros, 0, 0], size: 2 ** 32 },
  { has: any, base: [0x20, 0x01, 0x0d, 0xb8, ...zeros], size: 2 ** 32 },
];

/** ::ffff:0:0/96, an IPv4 address. */
const isMapped = (address: Uint8Array): boolean =>
  address[10] === 0xff && address[11] === 0xff && address.subarray(0, 10).every((byte) => byte === 0);

export function createAddressBook(): AddressBook {
  const known = new LRUCache<string, Uint8Array>({ max: LIMIT });
  const counts = new Map<Block, number>();

  const next = (block: Block, base: readonly number[]): Uint8Array => {
    const number = (counts.get(block) ?? 0) + 1;
    counts.set(block, number);
    const address = Uint8Array.from(base);
    const view = new DataView(address.buffer);
    const at = address.length - 4;
    view.setUint32(at, view.getUint32(at) + (number % block.size));
    return address;
  };
  const replace = (address: Uint8Array): void => {
    const own = address.length === 16 && isMapped(address) ? address.subarray(12) : address;
    const block = (own.length === 4 ? blocks4 : blocks6).find(({ has }) => has(own));
    if (!block?.base) return;
    const key = own.join();
    const other = known.get(key) ?? next(block, block.base);
    known.set(key, other);
    own.set(other);
  };
  return { replace };
}
