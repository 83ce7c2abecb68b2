/**
 * Which name an address was looked up under: by a process, and by anybody in its network namespace. Connections are
 * named when their records come, which may be long after they began: what was looked up since then is none of theirs.
 */
import { LRUCache } from 'lru-cache';
import type { LookupRecord } from '../model.ts';

/** Addresses that are remembered; those that nobody asked for longest go first. */
const LIMIT = 32_768;
/** Names of one address; content networks have thousands, each process a few. */
const NAMES = 4;
/** Programs go on using an address when its time to live is over, and the shortest one is 0. */
const GRACE_NS = 60_000_000_000n;

export interface Lookup {
  readonly networkNamespace: number;
  /** Number of the description of who asked; 0: unknown. */
  readonly serial: number;
  readonly name: string;
  readonly time: bigint;
  /** The whole of it, for whoever dials the address next. */
  readonly whole?: LookupRecord | undefined;
}

export interface Asker {
  readonly networkNamespace: number;
  readonly serial: number;
  readonly address: string;
  /** When its connection began. */
  readonly time: bigint;
}

/** A name, and the look-up that said it unless an earlier connection took that. */
export interface Named {
  readonly name: string;
  readonly lookup: LookupRecord | undefined;
}

export interface NameCache {
  /** `ttl`: seconds. */
  add(lookup: Lookup, address: string, ttl: number): void;
  /** What this process looked up last for the address; it holds as long as there is room. */
  ofProcess(asker: Asker): Named | undefined;
  /** What anybody in the network namespace looked up last, while that is valid. */
  ofNamespace(asker: Asker): Named | undefined;
}

interface Sighting {
  readonly name: string;
  /** First of a row of equal answers. */
  readonly time: bigint;
  readonly until: bigint;
  /** Shared by all that came of it; taken out by the first connection. */
  readonly answer: { lookup: LookupRecord | undefined };
}

export function createNameCache(limit = LIMIT): NameCache {
  const sightings = new LRUCache<string, readonly Sighting[]>({ max: limit });

  const remember = (key: string, { name, time }: Lookup, until: bigint, answer: Sighting['answer']): void => {
    const before = sightings.get(key) ?? [];
    const [last] = before;
    const isSame = last?.name === name;
    const fresh = { name, time: isSame ? last.time : time, until, answer };
    sightings.set(key, [fresh, ...before.slice(isSame ? 1 : 0, NAMES - (isSame ? 0 : 1))]);
  };

  return {
    add(lookup, address, ttl) {
      const { networkNamespace, serial, time } = lookup;
      const until = time + BigInt(ttl) * 1_000_000_000n + GRACE_NS;
      const answer = { lookup: lookup.whole };
      remember(keyOf(networkNamespace, 0, address), lookup, until, answer);
      if (serial !== 0) remember(keyOf(networkNamespace, serial, address), lookup, until, answer);
    },
    ofProcess({ networkNamespace, serial, address, time }) {
      if (sightings.size === 0 || serial === 0) return undefined;
      const found = sightings.get(keyOf(networkNamespace, serial, address));
      return take(
        found?.find((sighting) => sighting.time <= time),
        time,
      );
    },
    ofNamespace({ networkNamespace, address, time }) {
      if (sightings.size === 0) return undefined;
      const found = sightings.get(keyOf(networkNamespace, 0, address))?.find((sighting) => sighting.time <= time);
      return found && time <= found.until ? take(found, time) : undefined;
    },
  };
}

/** `time`: when the connection began; a look-up that ended later is none of its own. */
function take(sighting: Sighting | undefined, time: bigint): Named | undefined {
  if (!sighting) return undefined;
  const { name, answer } = sighting;
  const { lookup } = answer;
  if (lookup && lookup.time > time) return { name, lookup: undefined };
  answer.lookup = undefined;
  return { name, lookup };
}

function keyOf(networkNamespace: number, serial: number, address: string): string {
  return `${networkNamespace} ${serial} ${address}`;
}
