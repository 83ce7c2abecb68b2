/** Many live sockets, 100,000 by default, and what an agent has of the host's memory and of its reader thread's time. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Namespace } from './netns.ts';
import { Sockets } from './sockets.ts';

/** A process may have 20,000 descriptors, so ten of them share 100,000 sockets. */
const PROCESSES = 10;
export const SOCKETS = 100_000;

export interface Crowd {
  readonly clients: readonly Sockets[];
  readonly servers: readonly Sockets[];
  /** Sends a byte over each connection. */
  move(): Promise<void>;
}

/** All connections are there, none was used. The descriptors of a client are 3, 4, 5 …. */
export async function gather(namespace: Namespace, sockets = SOCKETS): Promise<Crowd> {
  const each = sockets / PROCESSES;
  const many = () => Array.from({ length: PROCESSES / 2 }, () => Sockets.start(namespace));
  const [clients, servers] = [many(), many()];
  for (const [i, server] of servers.entries()) {
    const listener = await server.listen('127.0.0.1', 4096);
    const accepted = server.do('accept-many', listener.fd, each);
    await clients[i]?.do('connect-many', each, '127.0.0.1', listener.port);
    await accepted;
  }
  const move = async () => {
    await Promise.all(clients.map((client) => client.do('send-on', 3, 2 + each)));
  };
  return { clients, servers, move };
}

/** MiB now, the most there ever was, and what of it is neither files nor the ring. */
export function memoryOf(pid: number): { now: number; most: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string) => Math.round(Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1]) / 1024);
  return { now: of('VmRSS'), most: of('VmHWM'), anonymous: of('RssAnon') };
}

/** CPU time of the thread that reads the ring and looks at the table, milliseconds. */
export function readerTime(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const reader = readdirSync(tasks).find((id) => readFileSync(`${tasks}/${id}/comm`, 'utf8') === 'sockflow-reader\n');
  return Number(readFileSync(`${tasks}/${reader}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}
