/**
 * Names from the hosts file that a process sees: that of its own mount namespace and root. It is only looked at, never
 * waited for: what lies on a file system that a user may answer for (FUSE, network) is left alone.
 */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { directFiles, type ProcessFile, type ProcessFiles } from '../capture/process-files.ts';

export interface HostsAsker {
  readonly pid: number;
  readonly serial: number;
  readonly networkNamespace: number;
}

export interface HostsOptions {
  readonly files?: ProcessFiles;
  /** A file that could not be used; `reason` in snake_case. */
  readonly onUnused: (reason: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

const PROCESSES = 16_384;
const FILES = 1_024;
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
export function createHosts({ files: looked = directFiles('/proc'), onUnused, now = Date.now }: HostsOptions) {
  const views = new LRUCache<string, View>({ max: PROCESSES });
  const files = new LRUCache<string, File>({ max: FILES });
  /** Who was gone before we looked saw what others of its network namespace see. */
  const last = new LRUCache<number, string>({ max: FILES });

  const isFresh = (file: File | undefined): boolean => file !== undefined && now() - file.checked < REFRESH;
  const fileOf = (root: string | undefined): File | undefined => (root === undefined ? undefined : files.get(root));

  /** Looked at before each reading of a file: a process may have another root by then, or be another one. */
  const viewOf = ({ pid, serial, networkNamespace }: HostsAsker): View => {
    const key = `${serial} ${networkNamespace}`;
    const before = views.get(key);
    if (before && (before.isGone || isFresh(fileOf(before.root)))) return before;
    const root = readRoot(looked, pid, networkNamespace);
    const view = { root: root ?? before?.root ?? last.get(networkNamespace), isGone: root === undefined };
    views.set(key, view);
    if (root !== undefined) last.set(networkNamespace, root);
    return view;
  };

  return (asker: HostsAsker, address: string): string | undefined => {
    if (asker.serial === 0) return undefined;
    const { root, isGone } = viewOf(asker);
    if (root === undefined) return undefined;
    let file = files.get(root);
    if (!isGone && !isFresh(file)) {
      const { table, stamp } = readTable(looked, asker.pid, file ?? { table: nothing, stamp: '' }, onUnused);
      file = { table, stamp, checked: now() };
      files.set(root, file);
    }
    return file?.table.get(address);
  };
}

/** Undefined when the process has gone, and when another one, elsewhere, has its number. */
function readRoot(files: ProcessFiles, pid: number, networkNamespace: number): string | undefined {
  if (files.readLink(pid, 'ns/net') !== `net:[${networkNamespace}]`) return undefined;
  const [mounts, root] = [files.readLink(pid, 'ns/mnt'), files.readLink(pid, 'root')];
  return mounts === undefined || root === undefined ? undefined : `${mounts} ${root}`;
}

/** `before` when it is what it was, and when the process has gone. */
function readTable(files: ProcessFiles, pid: number, before: Contents, onUnused: (reason: string) => void): Contents {
  const mounts = look(files, pid, 'mountinfo');
  if (mounts === 'missing') return before;
  if (mounts === 'unfit') return { table: nothing, stamp: '' };
  if (!isLocal(mounts.text())) {
    onUnused('hosts_file_system');
    return { table: nothing, stamp: '' };
  }
  const [hosts, hostname] = [look(files, pid, 'root/etc/hosts'), look(files, pid, 'root/etc/hostname')];
  const stamp = `${stampOf(hosts)} ${stampOf(hostname)}`;
  if (stamp === before.stamp) {
    for (const one of [hosts, hostname]) if (typeof one === 'object') one.close();
    return before;
  }
  if (hosts === 'unfit') onUnused('hosts_no_plain_file');
  const own = textOf(hostname) ?? '';
  const text = textOf(hosts);
  return { table: text === undefined ? nothing : parseHosts(text, own), stamp };
}

/** An open file. `text` closes it, too. */
interface Looked {
  readonly stamp: string;
  text(): string;
  close(): void;
}

/** `unfit`: no plain file, or not to be read. */
function look(files: ProcessFiles, pid: number, file: ProcessFile): Looked | 'missing' | 'unfit' {
  let fd: number;
  try {
    fd = files.open(pid, file);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unfit';
  }
  const { dev, ino, size, mtimeMs, ctimeMs } = fstatSync(fd);
  return {
    stamp: `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`,
    text() {
      try {
        return readFileSync(fd, 'utf8');
      } finally {
        closeSync(fd);
      }
    },
    close: () => closeSync(fd),
  };
}

const stampOf = (found: Looked | string): string => (typeof found === 'string' ? found : found.stamp);

/** Undefined when there is none, or it cannot be read: its file system may have failed. */
function textOf(found: Looked | string): string | undefined {
  if (typeof found === 'string') return undefined;
  try {
    return found.text();
  } catch {
    return undefined;
  }
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
