/**
 * Which ports programs of this host listen on, and which programs: for ntopng's pages of the host. The kernel has the ports
 * in files of /proc; whose they are is found by looking through the descriptors of all processes, which is done only for
 * sockets that were not there before.
 */
import { open, readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { withoutMark } from '../../capture/proc.ts';
import { directFiles, type ProcessFiles } from '../../capture/process-files.ts';
import { MOST_BYTES } from './message.ts';

export interface PortsOptions {
  /** Where the host's proc file system is. */
  readonly proc: string;
  /** Of its processes. */
  readonly files?: ProcessFiles | undefined;
  /** Where the files of the network namespace are. */
  readonly network?: string;
  /** Of this host, as others know it. */
  readonly addresses?: () => readonly string[];
}

interface Listener {
  readonly port: number;
  readonly inode: string;
}

const tables = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
type File = (typeof tables)[number];

/** The protocols as ntopng calls them. */
const protocols = { tcp: 'tcp4', tcp6: 'tcp6', udp: 'udp4', udp6: 'udp6' } as const;

/** Returns what makes the message; undefined where nobody could know the host by an address. */
export function createPorts(options: PortsOptions): () => Promise<Buffer | undefined> {
  const { proc, network = '/proc/self/net', addresses = ownAddresses } = options;
  const files = options.files ?? directFiles(proc);
  /** Path of the program by socket; empty where nobody has it. */
  let owners = new Map<string, string>();

  return async () => {
    const own = addresses();
    if (own.length === 0) return undefined;
    const found = await Promise.all(tables.map(async (file) => [file, await readListeners(network, file)] as const));
    const inodes = found.flatMap(([, listeners]) => listeners.map(({ inode }) => inode));
    const unknown = new Set(inodes.filter((inode) => !owners.has(inode)));
    const fresh = unknown.size > 0 ? await findOwners(proc, files, unknown) : new Map<string, string>();
    owners = new Map(inodes.map((inode) => [inode, owners.get(inode) ?? fresh.get(inode) ?? '']));
    return toMessage(own, found, owners);
  };
}

/** Nobody else can reach it there. */
const LOCAL = /^(127\.|::1$|fe80:)/;

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => address).filter((address) => !LOCAL.test(address));
}

const CHUNK = 64 * 1024;

/** Listeners of TCP come before all connections, which may be very many: nothing is read beyond. */
async function readListeners(network: string, file: File): Promise<Listener[]> {
  const handle = await open(join(network, file)).catch(() => undefined);
  if (!handle) return []; // no IPv6
  try {
    const listeners: Listener[] = [];
    let rest = '';
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK), 0, CHUNK);
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      const read = lines.map(parseLine);
      listeners.push(...read.filter((line) => line.isListener));
      if (bytesRead === 0 || (file.startsWith('tcp') && read.some((line) => line.isConnection))) return listeners;
    }
  } finally {
    await handle.close();
  }
}

interface Line extends Listener {
  readonly isListener: boolean;
  readonly isConnection: boolean;
}

/** `sl local remote state … inode …`, of which addresses, ports and the state are hexadecimal. */
function parseLine(line: string): Line {
  const [number = '', local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
  const isSocket = number.endsWith(':');
  // A socket of UDP that is not connected takes from everybody.
  const listens = state === '0A' || (state === '07' && /^0+:0000$/.test(remote));
  const port = Number.parseInt(local.split(':')[1] ?? '', 16);
  return { port, inode, isListener: isSocket && listens && port > 0, isConnection: isSocket && !listens };
}

async function findOwners(
  proc: string,
  files: ProcessFiles,
  inodes: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  for (const entry of await readdir(proc)) {
    if (owners.size === inodes.size) break;
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const mine = (await files.sockets(pid)).filter((inode) => inodes.has(inode));
    if (mine.length === 0) continue;
    const path = withoutMark(files.readLink(pid, 'exe')) ?? '';
    for (const inode of mine) if (!owners.has(inode)) owners.set(inode, path);
  }
  return owners;
}

type Ports = Record<string, { port: number; proc: string; pkg: string }[]>;

/** Where there are too many for a message, the lowest ports. Each entry has each key: ntopng has the one before for one without. */
function toMessage(
  addresses: readonly string[],
  found: readonly (readonly [File, readonly Listener[]])[],
  owners: ReadonlyMap<string, string>,
): Buffer {
  for (let highest = 65_535; ; highest = Math.floor(highest / 2)) {
    const ports: Ports = Object.fromEntries(
      found.map(([file, listeners]) => [
        protocols[file],
        listeners
          .filter(({ port }) => port <= highest)
          .map(({ port, inode }) => ({ port, proc: (owners.get(inode) ?? '').toWellFormed(), pkg: '' })),
      ]),
    );
    const message = Buffer.from(JSON.stringify({ 'ip-addresses': addresses, 'listening-ports': ports }));
    if (message.length <= MOST_BYTES || highest === 0) return message;
  }
}
