/** A client and a server that are different programs of different users, and the records that their talk must give. */
import type { ExecutionContext } from 'ava';
import { clientRecords, type Party, serverRecords, startedHere, type Wanted } from './expected.ts';
import type { Namespace } from './netns.ts';
import { temporaryDirectory } from './temporary.ts';
import {
  type Client,
  copyOf,
  type Family,
  runClient,
  type Served,
  type Server,
  type ServerMode,
  startServer,
} from './workload.ts';

export const SERVER_USER = 1;
export const CLIENT_USER = 65534;

export interface ExchangeOptions {
  connections: number;
  mode?: ServerMode;
  family?: Family;
  /** In front of the programs' names, to tell them from those of other tests. */
  prefix?: string;
}

export interface Exchange {
  client: Client;
  server: Server;
  served: readonly Served[];
  wanted: readonly Wanted[];
  clientName: string;
  serverName: string;
}

export async function exchange(t: ExecutionContext, namespace: Namespace, options: ExchangeOptions): Promise<Exchange> {
  const { connections, mode = 'loop', family = '4', prefix = 'test' } = options;
  // A client's port is the name of its connection: on loopback it could come again after a second.
  await namespace.run('sysctl', ['-q', '-w', 'net.ipv4.tcp_tw_reuse=0']);
  const directory = temporaryDirectory(t);
  const clientName = `${prefix}-client`;
  const serverName = `${prefix}-server`;
  const clientFile = copyOf('tcp-client', directory, clientName);
  const serverFile = copyOf('tcp-server', directory, serverName);
  const handler = copyOf('tcp-server', directory, `${prefix}-session-handler`);

  const server = await startServer(namespace, {
    file: serverFile,
    mode,
    family: family === 'mapped' ? 'dual' : family,
    user: SERVER_USER,
    handler,
  });
  const client = await runClient(namespace, {
    file: clientFile,
    port: server.port,
    family,
    connections,
    user: CLIENT_USER,
  });
  const served = await server.stop();

  const owner = (pid: number) => servingParty(server, pid, serverFile, replaced(mode) ? handler : serverFile);
  const wanted = [
    ...clientRecords(client, startedHere(client.pid, clientFile, CLIENT_USER), family, server.port),
    ...serverRecords(served, owner, family, server.port),
  ];
  return { client, server, served, wanted, clientName, serverName };
}

/** Whether the process that serves is a program of its own by then. */
function replaced(mode: ServerMode): boolean {
  return mode === 'exec' || mode === 'activation';
}

/** Either the program that the test started, or a child of it. */
function servingParty(server: Server, pid: number, serverFile: string, childFile: string): Party {
  if (pid === server.pid) return startedHere(pid, serverFile, SERVER_USER);
  return { pid, executable: childFile, parentPid: server.pid, parentExecutable: serverFile, userId: SERVER_USER };
}
