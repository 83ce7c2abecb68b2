/** The directory of a spool: made and checked, held by one agent at a time, its segments listed. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes it if need be, for nobody else to read. Throws an Error that says what is wrong with it. */
export function prepareDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Not stat: whoever may write above it could put a link in its place.
  const found = lstatSync(directory);
  const { uid, mode } = found;
  if (!found.isDirectory()) throw new Error('it is not a directory');
  if (uid !== process.geteuid?.()) throw new Error(`it belongs to user ${uid}`);
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

/**
 * Takes the directory for this process. Throws an Error when another one that lives has it. Each process leaves a file
 * of its own and then looks for others: of two at the same moment none gets it, which is safe; a lock file that the dead
 * leave behind can't be taken over without a moment in which two do.
 */
export function lockDirectory(directory: string): void {
  const own = lockName(process.pid) as string;
  writeFileSync(join(directory, own), '', { mode: 0o600 });
  const others = readdirSync(directory).filter((name) => name.startsWith('lock.') && name !== own);
  for (const name of others) {
    const pid = Number(name.split('.')[1]);
    if (name !== lockName(pid)) rmSync(join(directory, name), { force: true });
    else {
      unlockDirectory(directory);
      throw new Error(`process ${pid} uses it`);
    }
  }
}

export function unlockDirectory(directory: string): void {
  rmSync(join(directory, lockName(process.pid) as string), { force: true });
}

/** Of a process that lives: its number, and when it began, since numbers come again. */
function lockName(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const began = stat.slice(stat.lastIndexOf(')')).split(' ')[20];
    return `lock.${pid}.${began}.${boot}`;
  } catch {
    return undefined;
  }
}

export interface FoundSegment {
  readonly sequence: number;
  readonly size: number;
}

/** Ordered by age. */
export function listSegments(directory: string): FoundSegment[] {
  const names = readdirSync(directory).filter((name) => /^\d{12}\.spool$/.test(name));
  const found = names.map((name) => ({
    sequence: Number.parseInt(name, 10),
    size: statSync(join(directory, name)).size,
  }));
  return found.sort((one, other) => one.sequence - other.sequence);
}

export function segmentPath(directory: string, sequence: number): string {
  return join(directory, `${String(sequence).padStart(12, '0')}.spool`);
}

/** So that names that were made or removed are so after a crash of the machine, too. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a damaged segment aside for whoever wants to look, and keeps only the newest two such. */
export async function quarantine(directory: string, path: string): Promise<void> {
  await rename(path, `${path}.damaged`);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.damaged'));
  for (const name of names.sort().slice(0, -2)) await rm(join(directory, name), { force: true });
}
