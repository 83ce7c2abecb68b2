/** A user of this system, by name or by numbers. */
import { readFileSync } from 'node:fs';

export interface Account {
  /** Undefined when it was given by numbers. */
  readonly name?: string;
  readonly userId: number;
  readonly groupId: number;
}

const MOST = 2 ** 32 - 2;

/** `text`: a name of /etc/passwd, `UID` or `UID:GID`; of a number alone the group is the same. Undefined: there is none. */
export function findAccount(text: string, file = '/etc/passwd'): Account | undefined {
  const numbers = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!numbers) return findName(text, file);
  const [userId, groupId] = [Number(numbers[1]), Number(numbers[2] ?? numbers[1])];
  return userId <= MOST && groupId <= MOST ? { userId, groupId } : undefined;
}

/** name:password:uid:gid:… */
function findName(wanted: string, file: string): Account | undefined {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [name, , userId, groupId] = line.split(':');
    if (name === wanted && userId && groupId) return { name, userId: Number(userId), groupId: Number(groupId) };
  }
  return undefined;
}
