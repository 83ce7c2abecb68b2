/** Two obedient processes in a network namespace: what most tests of one event need. */
import type { ExecutionContext } from 'ava';
import { type Agent, attribute, ends, type JsonRecord, within } from './agent.ts';
import { type Namespace, withNamespace } from './netns.ts';
import { settled } from './processes.ts';
import { named, Sockets } from './sockets.ts';

export interface Lab {
  readonly namespace: Namespace;
  readonly client: Sockets;
  readonly server: Sockets;
  readonly clientFile: string;
  readonly serverFile: string;
  sh(lines: string): Promise<string>;
  /** No segment arrives any more, until `pass`. The sender does not know. */
  drop(match?: string): Promise<void>;
  pass(): Promise<void>;
  /** Ends the two processes. */
  end(): Promise<void>;
  /** The same, and the namespace has forgotten what was done in it. */
  reset(): Promise<void>;
}

/** Runs shell lines inside. npm's directory of programs is in the tests' PATH, and has an nft that is no packet filter. */
export function shell(namespace: Namespace, lines: string): Promise<string> {
  return namespace.run('sh', ['-e', '-c', `PATH=/usr/sbin:/usr/bin:/sbin:/bin\n${lines}`]);
}

/** As little as a namespace of the lab needs to be as new again. The kernel may take `out` away by itself: its other end's namespace has gone. */
const RESET = `nft flush ruleset
ip route flush table main
ip -6 route flush table main
if [ -e /proc/sys/net/ipv4/conf/out ]; then ip link delete out || [ ! -e /proc/sys/net/ipv4/conf/out ]; fi
sysctl -q net.ipv4.tcp_abort_on_overflow=0 net.ipv4.tcp_fastopen=1 net.ipv4.tcp_orphan_retries=0 net.ipv4.ip_local_port_range="32768 60999"`;

export async function createLab(t: ExecutionContext, namespace: Namespace): Promise<Lab> {
  const clientFile = named(t, 'sockets', 'lab-client');
  const serverFile = named(t, 'sockets', 'lab-server');
  const client = Sockets.start(namespace, clientFile);
  const server = Sockets.start(namespace, serverFile);
  const sh = (lines: string) => shell(namespace, lines);
  const end = async () => {
    await Promise.all([client.kill(), server.kill()]);
  };
  return {
    namespace,
    clientFile,
    serverFile,
    client,
    server,
    sh,
    drop: async (match = '') => {
      await sh(`nft add table inet lab
nft add chain inet lab in '{ type filter hook input priority 0; }'
nft add rule inet lab in ${match} meta l4proto tcp drop`);
    },
    pass: async () => {
      await sh('nft delete table inet lab');
    },
    end,
    reset: async () => {
      await end();
      await sh(RESET);
    },
  };
}

export async function withLab(t: ExecutionContext, body: (lab: Lab) => Promise<void>): Promise<void> {
  await withNamespace(async (namespace) => {
    const lab = await createLab(t, namespace);
    try {
      await body(lab);
    } finally {
      await lab.end();
    }
  });
}

/** Waits until no connection but those in TIME_WAIT is left; what is left after a while. */
export function allEnded(namespace: Namespace): Promise<string> {
  return settled(
    () => shell(namespace, 'ss -Htan exclude time-wait exclude listening'),
    (left) => left === '',
  );
}

/** Options of an agent that watches this namespace only: what else the host does is no load for it, either. */
export function watching(namespace: Namespace, ...more: string[]): string[] {
  return ['--format', 'json', '--network-namespace', `${namespace.inode}`, ...more];
}

/** Records of one end of the connection to a port. */
export function ofEnd(records: readonly JsonRecord[], role: 'client' | 'server', port: number): JsonRecord[] {
  return records.filter(
    (record) => attribute(record, 'sockflow.connection.role') === role && attribute(record, 'server.port') === port,
  );
}

/** `client close fin_local -`: role, event, reason and error of an end. */
export function outcome(record: JsonRecord): string {
  const of = (name: string) => attribute(record, name) ?? '-';
  const event = record.event_name.replace('sockflow.connection.', '');
  return `${of('sockflow.connection.role')} ${event} ${of('sockflow.connection.close.reason')} ${of('error.type')}`;
}

/** Payload as `sent/received`. */
export function payload(record: JsonRecord): string {
  return `${attribute(record, 'sockflow.connection.sent.bytes')}/${attribute(record, 'sockflow.connection.received.bytes')}`;
}

/** What an agent has said of the ends of a namespace behind the first `before`, once there are so many more. */
export async function endsAfter(
  agent: Agent,
  namespace: Namespace,
  before: number,
  count: number,
): Promise<JsonRecord[]> {
  await agent.waitForEnds(namespace, before + count);
  return ends(within(namespace, agent.records())).slice(before);
}
