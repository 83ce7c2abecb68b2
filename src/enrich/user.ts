/**
 * Names of users and groups. /etc/passwd and /etc/group are read at start and again when they change, so that a local
 * user is named from his first connection on. Others are asked of the name service off this thread; a record never
 * waits for that, so the first records of such a user have the number only.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from '../model.ts';
import type { Enricher } from './enricher.ts';

type Kind = 'user' | 'group';
type Lookup = (kind: Kind, id: number) => Promise<string | undefined>;

const checkEveryMs = 1000;
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

/** Id to name; undefined when it is not known (yet). */
export function createNames(
  kind: Kind,
  lookup: Lookup,
  file: string = files[kind],
): (id: number) => string | undefined {
  const local = createFileNames(file);
  const asked = new Map<number, string | undefined>();
  return (id) => {
    const name = local(id) ?? asked.get(id);
    if (name === undefined && !asked.has(id) && asked.size < 65_536) {
      asked.set(id, undefined);
      void lookup(kind, id).then((answer) => asked.set(id, answer));
    }
    return name;
  };
}

/** The names of a passwd-like file, as it is now: looked at again when its time stamp changed. */
function createFileNames(file: string): (id: number) => string | undefined {
  let names = new Map<number, string>();
  let changed = '';
  let checked = 0;
  return (id) => {
    const now = Date.now();
    if (now - checked >= checkEveryMs) {
      checked = now;
      const stamp = stampOf(file);
      if (stamp !== changed) names = parseNames(read(file));
      changed = stamp;
    }
    return names.get(id);
  };
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : '';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // no file, no names: numbers remain
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
