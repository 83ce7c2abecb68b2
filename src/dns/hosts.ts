/**
 * Names from the hosts file that a process sees: that of its own mount namespace and root. It is only looked at, never
 * waited for: what lies on a file system that a user may answer for (FUSE, network) is left alone.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

export interface HostsAsker {
  readonly pid: number;
  readonly serial: number;
  readonly networkNamespace: number;
}

export interface HostsOptions {
  readonly proc?: string;
  /** A file that could not be used; `reason` in snake_case. */
  readonly onUnused: (reason: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

const PROCESSES = 16_384;
const FILES = 1_024;
const LARGEST = 2 ** 20;
/** Milliseconds between two looks at a file. */
const REFRESH = 2_000;

type Table = ReadonlyMap<string, string>;

interface File {
  table: Table;
  stamp: string;
  checked: number;
}

const nothing: Table = new Map();

/** Name of an address, if the file has one that says more than `localhost`; 127.0.0.1 and ::1 have none. */
export function createHosts({ proc = '/proc', onUnused, now = Date.now }: HostsOptions) {
  /** Which root a process has. */
  const roots = new LRUCache<number, string>({ max: PROCESSES });
  const files = new LRUCache<string, File>({ max: FILES });
  /** Who has gone saw what others of its network namespace see. */
  const last = new LRUCache<number, string>({ max: FILES });

  const rootOf = ({ pid, serial, networkNamespace }: HostsAsker): string | undefined => {
    const known = roots.get(serial);
    if (known !== undefined) return known;
    const root = readRoot(`${proc}/${pid}`);
    if (root === undefined) return last.get(networkNamespace);
    roots.set(serial, root);
    last.set(networkNamespace, root);
    return root;
  };

  const refresh = (file: File, directory: string): void => {
    file.checked = now();
    const seen = readTable(directory, file.stamp, onUnused);
    if (seen) Object.assign(file, seen);
  };

  return (asker: HostsAsker, address: string): string | undefined => {
    // Every host gives its own name to these, and none of it was asked for.
    if (asker.serial === 0 || address === '127.0.0.1' || address === '::1') return undefined;
    const root = rootOf(asker);
    if (root === undefined) return undefined;
    let file = files.get(root);
    if (!file) {
      file = { table: nothing, stamp: '', checked: Number.NEGATIVE_INFINITY };
      files.set(root, file);
    }
    if (now() - file.checked >= REFRESH) refresh(file, `${proc}/${asker.pid}`);
    return file.table.get(address);
  };
}

/** Mount namespace and root directory; undefined when the process has gone. */
function readRoot(directory: string): string | undefined {
  try {
    return `${readlinkSync(`${directory}/ns/mnt`)} ${readlinkSync(`${directory}/root`)}`;
  } catch {
    return undefined;
  }
}

/** Undefined when it is what it was, and when the process has gone. */
function readTable(
  directory: string,
  stamp: string,
  onUnused: (reason: string) => void,
): Pick<File, 'table' | 'stamp'> | undefined {
  try {
    if (!isLocal(readFileSync(`${directory}/mountinfo`, 'utf8'))) {
      onUnused('hosts_file_system');
      return { table: nothing, stamp: '' };
    }
    if (!lstatSync(`${directory}/root/etc`).isDirectory()) return { table: nothing, stamp: '' };
    return readFile(`${directory}/root/etc/hosts`, stamp, onUnused);
  } catch (error) {
    // No such file in a root that is still there, or no such process any more.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { table: nothing, stamp: '' };
  }
}

function readFile(path: string, stamp: string, onUnused: (reason: string) => void) {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { dev, ino, size, mtimeMs, ctimeMs, isFile } = bound(fstatSync(fd));
    const fresh = `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    if (fresh === stamp) return undefined;
    if (isFile() && size <= LARGEST) return { table: parseHosts(readFileSync(fd, 'utf8')), stamp: fresh };
    onUnused('hosts_no_plain_file');
    return { table: nothing, stamp: fresh };
  } finally {
    closeSync(fd);
  }
}

function bound(stat: ReturnType<typeof fstatSync>) {
  return {
    dev: stat.dev,
    ino: stat.ino,
    size: stat.size,
    mtimeMs: stat.mtimeMs,
    ctimeMs: stat.ctimeMs,
    isFile: () => stat.isFile(),
  };
}

const local = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'tmpfs',
  'overlay',
  'squashfs',
  'erofs',
  'ramfs',
  'rootfs',
  'zfs',
  'bcachefs',
  'iso9660',
  'vfat',
]);

/** All of the mounts that the path passes, the last one at each place, are of a file system of the kernel's own. */
export function isLocal(mountinfo: string): boolean {
  const types = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [place, type] = [line.split(' ')[4], / - (\S+)/.exec(line)?.[1]];
    if (place !== undefined && type !== undefined) types.set(place, type);
  }
  return ['/', '/etc', '/etc/hosts'].every((place) => local.has(types.get(place) ?? 'tmpfs'));
}

/** What every host calls itself tells nobody anything. */
const selfNames = /^(localhost|ip6-.*|.*\.localdomain|localhost\..*|broadcasthost)$/;

/** Address to the first name that says something. The first line of an address counts, as for resolvers. */
export function parseHosts(text: string): Table {
  const table = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0 || address.includes('%')) continue;
    const name = names
      .map((each) => each.toLowerCase().replace(/\.$/, ''))
      .find((each) => each !== '' && !selfNames.test(each));
    const key = ipaddr.process(address).toString();
    if (name !== undefined && name.length <= 253 && !table.has(key)) table.set(key, name);
  }
  return table;
}
