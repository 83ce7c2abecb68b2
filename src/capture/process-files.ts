/** The few files of other processes that are looked at: by this process, or by the one that kept the right to. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { join } from 'node:path';
import type { NativePrivileged } from './native.ts';

const { errno } = system;

/** As native/privileged/protocol.h numbers them. */
const links = ['ns/net', 'ns/mnt', 'root', 'exe'] as const;
const files = ['mountinfo', 'root/etc/hosts', 'root/etc/hostname'] as const;

export type ProcessLink = (typeof links)[number];
export type ProcessFile = (typeof files)[number];

export interface ProcessFiles {
  /** Undefined when the process has gone, or may not be looked at. */
  readLink(pid: number, link: ProcessLink): string | undefined;
  /** A descriptor to read from. Throws an error with its code: ENOENT, EINVAL for what is no plain file of at most a mebibyte … */
  open(pid: number, file: ProcessFile): number;
  /** Inode numbers of the sockets that it has open. */
  sockets(pid: number): Promise<readonly string[]>;
}

const LARGEST = 2 ** 20;

/** `proc`: where the host's proc file system is. */
export function directFiles(proc: string): ProcessFiles {
  return {
    readLink(pid, link) {
      try {
        return readlinkSync(`${proc}/${pid}/${link}`);
      } catch {
        return undefined;
      }
    },
    open: (pid, file) => openPlain(`${proc}/${pid}`, file),
    async sockets(pid) {
      const directory = join(proc, `${pid}`, 'fd');
      const descriptors = await readdir(directory).catch(() => []); // ended, or another user's
      const targets = await Promise.all(descriptors.map((name) => readlink(join(directory, name)).catch(() => '')));
      return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
    },
  };
}

/** Numbers of what says that there is nothing. */
const gone: ReadonlySet<number> = new Set([errno.ENOENT, errno.ESRCH]);

export function filesBy(privileged: NativePrivileged): ProcessFiles {
  return {
    readLink: (pid, link) => privileged.link(pid, links.indexOf(link)),
    open(pid, file) {
      const fd = privileged.open(pid, files.indexOf(file));
      if (fd >= 0) return fd;
      throw codeError(gone.has(-fd) ? 'ENOENT' : 'EINVAL');
    },
    sockets: async (pid) => privileged.sockets(pid),
  };
}

function openPlain(directory: string, file: ProcessFile): number {
  if (file === 'mountinfo') return openSync(`${directory}/mountinfo`, constants.O_RDONLY);
  const path = `${directory}/${file}`;
  if (!lstatSync(`${directory}/root/etc`).isDirectory() || !isPlain(lstatSync(path))) throw codeError('EINVAL');
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (isPlain(fstatSync(fd))) return fd;
  closeSync(fd);
  throw codeError('EINVAL');
}

function isPlain(stat: Stats): boolean {
  return stat.isFile() && stat.size <= LARGEST;
}

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
