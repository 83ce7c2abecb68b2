/** What the records must say, derived from what the workload and the system say; and how far the records are from it. */
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { attribute, type JsonRecord } from './agent.ts';
import { userName } from './processes.ts';
import type { Client, Family, Served } from './workload.ts';

/** Attributes by name; undefined: must not be there. */
export type Wanted = Readonly<Record<string, unknown>>;

export interface Party {
  pid: number;
  executable: string;
  parentPid: number;
  parentExecutable: string;
  userId: number;
}

/** A program that the test itself started. */
export function startedHere(pid: number, executable: string, userId: number): Party {
  return { pid, executable, parentPid: process.pid, parentExecutable: process.execPath, userId };
}

export function identity(party: Party): Wanted {
  return {
    'process.pid': party.pid,
    'process.executable.path': realpathSync(party.executable),
    'process.executable.name': basename(party.executable),
    'process.parent_pid': party.parentPid,
    'sockflow.process.parent.executable.path': realpathSync(party.parentExecutable),
    'process.user.id': party.userId,
    'process.user.name': userName(party.userId),
  };
}

export function addressOf(family: Family): string {
  return family === '6' ? '::1' : '127.0.0.1';
}

/** Names and numbers of the two ends of a loopback connection, as seen from one of them. */
export function endpoints(role: 'client' | 'server', family: Family, clientPort: number, serverPort: number): Wanted {
  const address = addressOf(family);
  const [local, peer] = role === 'client' ? [clientPort, serverPort] : [serverPort, clientPort];
  return {
    'network.transport': 'tcp',
    'network.type': family === '6' ? 'ipv6' : 'ipv4',
    'network.local.address': address,
    'network.local.port': local,
    'network.peer.address': address,
    'network.peer.port': peer,
    'client.address': address,
    'client.port': clientPort,
    'server.address': address,
    'server.port': serverPort,
    'sockflow.connection.role': role,
  };
}

function payload(sent: number, received: number): Wanted {
  return { 'sockflow.connection.sent.bytes': sent, 'sockflow.connection.received.bytes': received };
}

/** The server answers what it got after the client's FIN, so the client always closes first. */
function orderlyEnd(role: 'client' | 'server'): Wanted {
  return {
    'sockflow.connection.close.reason': role === 'client' ? 'fin_local' : 'fin_remote',
    'error.type': undefined,
    'sockflow.connection.pre_existing': false,
  };
}

export function clientRecords(client: Client, party: Party, family: Family, serverPort: number): Wanted[] {
  return client.connections.map(({ port, sent, received }) => ({
    ...endpoints('client', family, port, serverPort),
    ...payload(sent, received),
    ...orderlyEnd('client'),
    ...identity(party),
  }));
}

export function serverRecords(
  served: readonly Served[],
  partyOf: (pid: number) => Party,
  family: Family,
  serverPort: number,
): Wanted[] {
  return served.map(({ pid, peerPort, sent, received }) => ({
    ...endpoints('server', family, peerPort, serverPort),
    ...payload(sent, received),
    ...orderlyEnd('server'),
    ...identity(partyOf(pid)),
  }));
}

/** An absent `false` is as good as one that is spelt out. */
function same(actual: unknown, wanted: unknown): boolean {
  return actual === wanted || (wanted === false && actual === undefined);
}

export function differences(record: JsonRecord, wanted: Wanted): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => !same(attribute(record, name), value))
    .map(([name, value]) => `${name} is ${attribute(record, name)}, not ${value}`);
}

function endName(value: (name: string) => unknown): string {
  return `${value('sockflow.connection.role')} on port ${value('client.port')}`;
}

function endOf(record: JsonRecord): string {
  return endName((name) => attribute(record, name));
}

/**
 * Joins records and expectations by role and client port, and lists all that is wrong: an empty list says that the records
 * are exactly the expected ones. Only the first few faults are kept: they are alike.
 */
export function faults(records: readonly JsonRecord[], wanted: readonly Wanted[], most = 10): string[] {
  const got = Map.groupBy(records, endOf);
  const want = Map.groupBy(wanted, (item) => endName((name) => item[name]));
  const list: string[] = [];
  for (const [name, [expected, ...others]] of want) {
    const [record, ...more] = got.get(name) ?? [];
    if (others.length > 0) list.push(`${name}: the test expects it twice`);
    if (!record) list.push(`${name}: no record`);
    else if (expected) list.push(...differences(record, expected).map((text) => `${name}: ${text}`));
    if (more.length > 0) list.push(`${name}: ${more.length} records too many`);
  }
  for (const name of got.keys()) if (!want.has(name)) list.push(`${name}: unexpected record`);
  return list.length > most ? [...list.slice(0, most), `… ${list.length} in all`] : list;
}

/** Each connection has one id, the same at both ends and nowhere else. */
export function idFaults(records: readonly JsonRecord[]): string[] {
  const byId = Map.groupBy(records, (record) => attribute(record, 'sockflow.connection.id'));
  return [...byId]
    .filter(([id, both]) => {
      const ports = new Set(both.map((record) => attribute(record, 'client.port')));
      const roles = both.map((record) => attribute(record, 'sockflow.connection.role')).sort();
      return typeof id !== 'string' || ports.size !== 1 || roles.join() !== 'client,server';
    })
    .slice(0, 10)
    .map(([id, both]) => `id ${id}: ${both.map(endOf).join(', ')}`);
}
