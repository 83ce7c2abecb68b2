/**
 * Giving up what the start took. Everything stays attached: descriptors need no right to be read. What does need one is
 * asked of a small process that keeps it (native/privileged). docs/decisions/0090-no-capability-after-the-start.md
 */
import { lchownSync, readdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Account } from '../cli/account.ts';
import { StartError } from '../errors.ts';
import { giveUpPrivileges } from './capture.ts';

export interface Leaving {
  /** Whom to become. */
  readonly user?: Account | undefined;
  readonly keepCapabilities: boolean;
  /** Directory that is written to later. */
  readonly spool?: string | undefined;
}

/** Before it the kernel asks for CAP_BPF also of who only reads a map that is open already. */
const SINCE = [5, 19] as const;

/** Returns what is left, for the `ready` line. Throws StartError. */
export function leavePrivileges({ user, keepCapabilities, spool }: Leaving): string {
  if (user) become(user, spool);
  if (keepCapabilities) return 'capabilities kept';
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < SINCE[0] || (major === SINCE[0] && minor < SINCE[1]))
    return `capabilities kept (Linux ${SINCE.join('.')} or later can do without)`;
  try {
    giveUpPrivileges();
  } catch (cause) {
    const filter = 'a filter of system calls (SystemCallFilter= of a unit, the profile of a container)';
    const remedy = `allow capset(2) and seccomp(2) in ${filter}; --keep-capabilities does without`;
    throw new StartError((cause as Error).message, remedy, { cause });
  }
  return 'no capabilities left';
}

/** Node has it; its types do not. */
interface WithGroups {
  initgroups(user: string, extraGroup: number): void;
}

function become({ name, userId, groupId }: Account, spool: string | undefined): void {
  try {
    if (spool !== undefined) handOver(spool, userId, groupId);
    // By the name its other groups are found.
    if (name === undefined) process.setgroups?.([]);
    else (process as unknown as WithGroups).initgroups(name, groupId);
    process.setgid?.(groupId);
    process.setuid?.(userId);
  } catch (cause) {
    throw new StartError(
      `--user cannot become ${name ?? `${userId}:${groupId}`}: ${(cause as Error).message}`,
      'run as root, or with CAP_SETUID and CAP_SETGID',
      { cause },
    );
  }
}

/** What an earlier run as another user left there, too. */
function handOver(directory: string, userId: number, groupId: number): void {
  lchownSync(directory, userId, groupId);
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true }))
    lchownSync(join(entry.parentPath, entry.name), userId, groupId);
}
