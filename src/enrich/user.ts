/**
 * Names of users and groups. /etc/passwd and /etc/group are read at start and again when they change, so that a local
 * user is named from his first connection on. Others are asked of the name service off this thread; a record never
 * waits for that, so the first records of such a user have the number only.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Process } from '../model.ts';
import type { Enricher } from './enricher.ts';

type Kind = 'user' | 'group';
type Lookup = (kind: Kind, id: number) => Promise<string | undefined>;

/** Milliseconds. */
const LOOK_AGAIN = 1000;
/** Milliseconds: no answer may be for want of a descriptor or of the network, and users are added. */
const ASK_AGAIN = 60_000;
const files = { user: '/etc/passwd', group: '/etc/group' } as const;

/**
 * `lookup` asks the system's name service and never rejects. `hostRoot`: where the host's files are; when that is not
 * `/`, the name service around us is another machine's and is not asked.
 */
export function createUserEnricher(lookup: Lookup, hostRoot = '/'): Enricher {
  const ask: Lookup = hostRoot === '/' ? lookup : async () => undefined;
  const user = createNames('user', ask, join(hostRoot, files.user));
  const group = createNames('group', ask, join(hostRoot, files.group));
  return {
    name: 'user',
    enrich(process) {
      set(process, 'userName', user(process.userId));
      set(process, 'groupName', group(process.groupId));
      set(process, 'parentUserName', user(process.parentUserId));
    },
  };
}

function set(process: Process, key: 'userName' | 'groupName' | 'parentUserName', name: string | undefined): void {
  if (name !== undefined) process[key] = name;
}

/** Id to name; undefined when it is not known (yet). Who has no name is asked for again after `askAgainMs`. */
export function createNames(
  kind: Kind,
  lookup: Lookup,
  file: string = files[kind],
  askAgainMs = ASK_AGAIN,
): (id: number) => string | undefined {
  const local = createFileNames(file);
  const asked = new LRUCache<number, { name?: string }>({ max: 65_536 });
  return (id) => {
    const name = local(id);
    if (name !== undefined) return name;
    const known = asked.get(id);
    if (known) return known.name;
    asked.set(id, {}, { ttl: askAgainMs });
    void lookup(kind, id).then((answer) => answer !== undefined && asked.set(id, { name: answer }));
    return undefined;
  };
}

/** The names of a passwd-like file, as it is now: looked at again when its time stamp changed. */
function createFileNames(file: string): (id: number) => string | undefined {
  let names = new Map<number, string>();
  let seen = '';
  let looked = 0;
  const look = (now: number) => {
    looked = now;
    const stamp = stampOf(file);
    if (stamp === seen) return;
    const text = read(file);
    if (text === undefined) return;
    names = parseNames(text);
    seen = stamp;
  };
  look(performance.now());
  return (id) => {
    const now = performance.now(); // a wall clock may be set back
    if (now - looked >= LOOK_AGAIN) look(now);
    return names.get(id);
  };
}

function stampOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return ''; // no file, or one that cannot be reached now
  }
}

/** Undefined when it cannot be read now (no descriptor is left, it is being replaced): what was read before stands. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** `name:x:id:…` lines; the first name of an id counts, as for getpwuid. */
export function parseNames(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name && id && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}
