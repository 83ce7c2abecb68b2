/**
 * The second way to know a process: /proc, for a description that the ring had no room for or that was forgotten. Only
 * what still lives can be read, and a pid may have been reused: so this is never the first way.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from '../model.ts';
import { directFiles } from './process-files.ts';

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
    return processOf(pid, serial, {
      status: readFileSync(`${root}/${pid}/status`, 'utf8'),
      stat: readFileSync(`${root}/${pid}/stat`, 'latin1'),
      systemStat: readFileSync(`${root}/stat`, 'latin1'),
      cgroup: readFileSync(`${root}/${pid}/cgroup`, 'utf8'),
      parentStatus: (parent) => readFileSync(`${root}/${parent}/status`, 'utf8'),
      exe: (process) => files.readLink(process, 'exe'),
    });
  } catch {
    return undefined;
  }
}

export interface ProcTexts {
  /** Of the process, by the names of the files. */
  readonly status: string;
  readonly stat: string;
  readonly cgroup: string;
  /** Of the host. */
  readonly systemStat: string;
  /** May throw: it has ended. */
  parentStatus(pid: number): string;
  /** Target of the link; undefined for a kernel thread, and for what has gone. */
  exe(pid: number): string | undefined;
}

/** Throws an Error for texts that are none of /proc's. */
export function processOf(pid: number, serial: number, texts: ProcTexts): Process {
  const status = statusOf(texts.status);
  const parentPid = numberOf(status.get('PPid'));
  const executablePath = withoutMark(texts.exe(pid));
  const parentExecutablePath = withoutMark(texts.exe(parentPid));
  return {
    serial,
    pid,
    startTime: startTime(texts.stat, texts.systemStat),
    executablePath,
    executableName: lastPart(executablePath) ?? status.get('Name') ?? '',
    parentPid,
    parentExecutablePath,
    parentExecutableName: lastPart(parentExecutablePath),
    userId: numberOf(first(status.get('Uid'))),
    groupId: numberOf(first(status.get('Gid'))),
    parentUserId: parentPid ? numberOf(first(statusOf(texts.parentStatus(parentPid)).get('Uid'))) : 0,
    namespacePid: numberOf(status.get('NSpid')?.split('\t').at(-1) ?? `${pid}`),
    cgroups: cgroupsOf(texts.cgroup),
  };
}

function statusOf(text: string): Map<string, string> {
  const lines = text.split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

/** Of a program whose file was replaced or removed since it began. */
export function withoutMark(exe: string | undefined): string | undefined {
  return exe?.replace(/ \(deleted\)$/, '');
}

/** Of 32 bits, as all that is read here. */
function numberOf(text: string | undefined): number {
  const number = Number(text);
  if (!/^\d+$/.test(text ?? '') || number >= 2 ** 32) throw new Error(`"${text}" is no number of /proc`);
  return number;
}

/** The name in field 2 of stat may hold anything, so count from its closing bracket. */
function fieldsBehindName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Field 22 of stat counts from boot. */
function startTime(stat: string, systemStat: string): bigint {
  const ticks = BigInt(fieldsBehindName(stat)[19] ?? 0);
  const bootSeconds = BigInt(/^btime (\d+)/m.exec(systemStat)?.[1] ?? 0);
  const time = bootSeconds * 1_000_000_000n + (ticks * 1_000_000_000n) / ticksPerSecond;
  if (time < 0n || time >= 2n ** 63n) throw new Error(`${time} is no time of /proc`);
  return time;
}

function cgroupsOf(text: string): string[] {
  const paths = text.split('\n').map((line) => line.split(':').slice(2).join(':'));
  return [...new Set(paths.filter((path) => path !== ''))];
}

function lastPart(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf('/') + 1);
}

function first(ids: string | undefined): string | undefined {
  return ids?.split('\t')[0];
}
