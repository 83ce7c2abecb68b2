/**
 * The second way to know a process: /proc, for a description that the ring had no room for or that was forgotten. Only
 * what still lives can be read, and a pid may have been reused: so this is never the first way.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from '../model.ts';
import { directFiles, type ProcessFiles } from './process-files.ts';

const ticksPerSecond = 100n; // USER_HZ, the same on every architecture that Node runs on

/** The host's: below `hostRoot` if it is mounted there, else the one that everybody has. */
export function procOf(hostRoot: string): string {
  const proc = join(hostRoot, 'proc');
  return existsSync(join(proc, 'self')) ? proc : '/proc';
}

/** Of a task that is a kernel's thread, in its stat. */
const KERNEL_THREAD = 0x0020_0000;

/** Whether it shows every process of the host: the kernel's threads are in no other pid namespace. */
export function showsHost(proc: string): boolean {
  try {
    const flags = Number(fieldsBehindName(readFileSync(`${proc}/2/stat`, 'latin1'))[6]);
    return (flags & KERNEL_THREAD) !== 0;
  } catch {
    return false;
  }
}

/** `root`: where the host's proc file system is mounted. Undefined when the process is gone. */
export function describeFromProc(
  pid: number,
  serial: number,
  root = '/proc',
  files = directFiles(root),
): Process | undefined {
  try {
    const status = readStatus(`${root}/${pid}/status`);
    const parentPid = Number(status.get('PPid'));
    const executablePath = readExe(files, pid);
    const parentExecutablePath = readExe(files, parentPid);
    return {
      serial,
      pid,
      startTime: startTime(readFileSync(`${root}/${pid}/stat`, 'latin1'), readFileSync(`${root}/stat`, 'latin1')),
      executablePath,
      executableName: lastPart(executablePath) ?? status.get('Name') ?? '',
      parentPid,
      parentExecutablePath,
      parentExecutableName: lastPart(parentExecutablePath),
      userId: first(status.get('Uid')),
      groupId: first(status.get('Gid')),
      parentUserId: parentPid ? first(readStatus(`${root}/${parentPid}/status`).get('Uid')) : 0,
      namespacePid: Number(status.get('NSpid')?.split('\t').at(-1) ?? pid),
      cgroups: readCgroups(`${root}/${pid}/cgroup`),
    };
  } catch {
    return undefined;
  }
}

function readStatus(file: string): Map<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

/** Undefined for a kernel thread, and for what has gone. */
function readExe(files: ProcessFiles, pid: number): string | undefined {
  return files.readLink(pid, 'exe')?.replace(/ \(deleted\)$/, '');
}

/** The name in field 2 of stat may hold anything, so count from its closing bracket. */
function fieldsBehindName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Field 22 of stat counts from boot. */
function startTime(stat: string, systemStat: string): bigint {
  const ticks = BigInt(fieldsBehindName(stat)[19] ?? 0);
  const bootSeconds = BigInt(/^btime (\d+)/m.exec(systemStat)?.[1] ?? 0);
  return bootSeconds * 1_000_000_000n + (ticks * 1_000_000_000n) / ticksPerSecond;
}

function readCgroups(file: string): string[] {
  const paths = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':'));
  return [...new Set(paths.filter((path) => path !== ''))];
}

function lastPart(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf('/') + 1);
}

function first(ids: string | undefined): number {
  return Number(ids?.split('\t')[0] ?? 0);
}
