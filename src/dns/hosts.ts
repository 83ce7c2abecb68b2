/**
 * Names from the hosts file that a process sees: that of its own mount namespace and root. It is only looked at, never
 * waited for: what lies on a file system that a user may answer for (FUSE, network) is left alone.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
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

interface Contents {
  readonly table: Table;
  readonly stamp: string;
}

interface File extends Contents {
  readonly checked: number;
}

/** Where a process looks. */
interface View {
  /** Mount namespace and root directory; undefined when nobody of its network namespace was seen alive. */
  readonly root: string | undefined;
  /** Its pid may be another process's by now. */
  readonly isGone: boolean;
}

const nothing: Table = new Map();

/** Name of an address, if the file has one that says more than what the host calls itself. */
export function createHosts({ proc = '/proc', onUnused, now = Date.now }: HostsOptions) {
  const views = new LRUCache<string, View>({ max: PROCESSES });
  const files = new LRUCache<string, File>({ max: FILES });
  /** Who was gone before we looked saw what others of its network namespace see. */
  const last = new LRUCache<number, string>({ max: FILES });

  const isFresh = (root: string | undefined): boolean => {
    const file = root === undefined ? undefined : files.get(root);
    return file !== undefined && now() - file.checked < REFRESH;
  };

  /** Looked at before each reading of a file: a process may have another root by then, or be another one. */
  const viewOf = ({ pid, serial, networkNamespace }: HostsAsker): View => {
    const key = `${serial} ${networkNamespace}`;
    const before = views.get(key);
    if (before && (before.isGone || isFresh(before.root))) return before;
    const root = readRoot(`${proc}/${pid}`, networkNamespace);
    const view = { root: root ?? before?.root ?? last.get(networkNamespace), isGone: root === undefined };
    views.set(key, view);
    if (root !== undefined) last.set(networkNamespace, root);
    return view;
  };

  return (asker: HostsAsker, address: string): string | undefined => {
    if (asker.serial === 0) return undefined;
    const { root, isGone } = viewOf(asker);
    if (root === undefined) return undefined;
    if (!isGone && !isFresh(root)) {
      const before = files.get(root) ?? { table: nothing, stamp: '' };
      const { table, stamp } = readTable(`${proc}/${asker.pid}`, before, onUnused);
      files.set(root, { table, stamp, checked: now() });
    }
    return files.get(root)?.table.get(address);
  };
}

/** Undefined when the process has gone, and when another one, elsewhere, has its number. */
function readRoot(directory: string, networkNamespace: number): string | undefined {
  try {
    if (readlinkSync(`${directory}/ns/net`) !== `net:[${networkNamespace}]`) return undefined;
    return `${readlinkSync(`${directory}/ns/mnt`)} ${readlinkSync(`${directory}/root`)}`;
  } catch {
    return undefined;
  }
}

/** `before` when it is what it was, and when the process has gone. */
function readTable(directory: string, before: Contents, onUnused: (reason: string) => void): Contents {
  const etc = `${directory}/root/etc`;
  try {
    if (!isLocal(readFileSync(`${directory}/mountinfo`, 'utf8'))) {
      onUnused('hosts_file_system');
      return { table: nothing, stamp: '' };
    }
    if (!lstatSync(etc).isDirectory()) return { table: nothing, stamp: '' };
    const stamp = `${stampOf(`${etc}/hosts`)} ${stampOf(`${etc}/hostname`)}`;
    if (stamp === before.stamp) return before;
    const text = readPlain(`${etc}/hosts`);
    if (text !== undefined) return { table: parseHosts(text, readPlain(`${etc}/hostname`)), stamp };
    if (stampOf(`${etc}/hosts`) !== '') onUnused('hosts_no_plain_file');
    return { table: nothing, stamp };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? before : { table: nothing, stamp: '' };
  }
}

function stampOf(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : '';
}

/** Undefined for what is not there, no plain file, or too large to be meant. */
function readPlain(path: string): string | undefined {
  if (!isPlain(lstatSync(path, { throwIfNoEntry: false }))) return undefined;
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return isPlain(fstatSync(fd)) ? readFileSync(fd, 'utf8') : undefined;
  } finally {
    closeSync(fd);
  }
}

function isPlain(stat: Stats | undefined): boolean {
  return stat?.isFile() === true && stat.size <= LARGEST;
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
  return ['/', '/etc', '/etc/hosts', '/etc/hostname'].every((place) => local.has(types.get(place) ?? 'tmpfs'));
}

/** What every host calls itself tells nobody anything. */
const selfNames = /^(localhost\d?|ip6-.*|.*\.localdomain\d?|localhost\..*|broadcasthost)$/;
/** Whatever else stands at such an address, set-up programs write there what they call the host. */
const localhost = /^(ip6-)?localhost\d?(\..*)?$/;

/**
 * Address to the first name that says something: not what the host calls itself, by `hostname` or as localhost. Else the
 * first line of an address counts, as for resolvers. `hostname`: text of /etc/hostname.
 */
export function parseHosts(text: string, hostname = ''): Table {
  const all = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...words] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0 || address.includes('%')) continue;
    const key = ipaddr.process(address).toString();
    const names = all.get(key) ?? [];
    all.set(key, names);
    names.push(...words.map(normalise));
  }
  const isOwn = ownNames(hostname);
  const table = new Map<string, string>();
  for (const [address, names] of all) {
    if (names.some((name) => localhost.test(name))) continue;
    const name = names.find((each) => each !== '' && each.length <= 253 && !selfNames.test(each) && !isOwn(each));
    if (name !== undefined) table.set(address, name);
  }
  return table;
}

function normalise(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** The host's name, that without its domain, and that with any. */
function ownNames(hostname: string): (name: string) => boolean {
  const own = normalise(hostname.trim());
  if (own === '') return () => false;
  return (name) => name === own || name === own.split('.')[0] || name.startsWith(`${own}.`);
}
