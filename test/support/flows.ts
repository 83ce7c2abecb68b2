/** UDP conversations in the tests' words. */
import type { ExecutionContext } from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent, within } from './agent.ts';
import { type Lab, watching, withLab } from './lab.ts';
import type { Namespace } from './netns.ts';
import type { Sockets } from './sockets.ts';

/** Ends of the UDP conversations of a namespace. */
export function flows(namespace: Namespace, records: readonly JsonRecord[]): JsonRecord[] {
  return within(namespace, records).filter((record) => record.event_name === 'sockflow.flow.close');
}

/** What moved, as `datagrams/bytes sent, datagrams/bytes received`. */
export function moved(record: JsonRecord): string {
  const of = (name: string) => attribute(record, `sockflow.connection.${name}`);
  return `${of('sent.packets')}/${of('sent.bytes')} ${of('received.packets')}/${of('received.bytes')}`;
}

/** `client closed - 1/100 0/0 <port>`: role, reason, error, what moved, and the port of the peer. */
export function described(record: JsonRecord): string {
  const of = (name: string) => attribute(record, name) ?? '-';
  const how = `${of('sockflow.connection.role')} ${of('sockflow.connection.close.reason')} ${of('error.type')}`;
  return `${how} ${moved(record)} ${of('network.peer.address')}:${of('network.peer.port')}`;
}

export interface Totals {
  sentPackets: number;
  receivedPackets: number;
  sentBytes: number;
  receivedBytes: number;
}

export function totals(records: readonly JsonRecord[]): Totals {
  const sum = (name: string) =>
    records.reduce((total, record) => total + Number(attribute(record, `sockflow.connection.${name}`)), 0);
  return {
    sentPackets: sum('sent.packets'),
    receivedPackets: sum('received.packets'),
    sentBytes: sum('sent.bytes'),
    receivedBytes: sum('received.bytes'),
  };
}

/** A datagram socket that is bound; its descriptor and port. */
export async function boundDatagramSocket(process: Sockets, address = '127.0.0.1', port = 0) {
  const fd = await datagramSocket(process, address);
  await process.do('bind', fd, address, port);
  return { fd, port: await process.do('local-port', fd) };
}

export function datagramSocket(process: Sockets, address = '127.0.0.1'): Promise<number> {
  return process.do('datagram-socket', address.includes(':') ? 6 : 4);
}

export const CLOSED = ['--events', 'close'];

/** Runs `body` under an agent; the ends of conversations after both processes and the agent have ended. */
export async function seen(
  t: ExecutionContext,
  args: readonly string[],
  body: (lab: Lab, agent: Agent) => Promise<void>,
  before: (lab: Lab) => Promise<void> = async () => {},
): Promise<{ records: JsonRecord[]; all: readonly JsonRecord[]; summary: string; lab: Lab }> {
  let result: Awaited<ReturnType<typeof seen>> | undefined;
  await withLab(t, async (lab) => {
    await before(lab);
    await withAgent(watching(lab.namespace, ...args), async (agent) => {
      await body(lab, agent);
      await lab.client.exit();
      await lab.server.exit();
      const { records, summary } = await agent.stop();
      result = { records: flows(lab.namespace, records), all: records, summary, lab };
    });
  });
  if (!result) throw new Error('no result');
  return result;
}
