/** Two hosts for the dashboards: on one all kinds of things happen to connections, on the other the agent itself has trouble. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Agent, only, startAgent } from './agent.ts';
import { makeCgroup } from './cgroup.ts';
import { freePort } from './collector.ts';
import { DockerServer } from './docker-server.ts';
import { exchange } from './exchange.ts';
import { boundDatagramSocket } from './flows.ts';
import type { Lab } from './lab.ts';
import type { Namespace } from './netns.ts';
import { Resolver, startDnsmasq } from './resolver.ts';
import { connected, Sockets } from './sockets.ts';
import { temporaryDirectory } from './temporary.ts';
import { copyOf, runAttempts } from './workload.ts';

export const hosts = { good: 'good.example', bad: 'bad.example' } as const;
export const pod = { name: 'shop-7d9c', namespace: 'store', uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' } as const;
export const peer = 'shop.example';
/** Of files, so names of programs may be so: all that means something in a query, in a page, in a link or to Grafana. */
export const hostile = `q"u'o<b>t</b>&e \${host:raw} $__all ${'$'}{service}{{host_name}} .*|\\d+ [x](y) %41`.replaceAll(
  '/',
  '∕',
);
export const FAILURES = 7;
export const LISTENER_CLIENTS = 6;

/** A command that gives what it starts another name of its host. */
const onHost = (name: string) => ['unshare', '--uts', 'sh', '-c', `hostname ${name} && exec "$@"`, 'sh'];

const OFTEN = ['--format', 'json', '--metric-interval', '1s', '--interval', '1s', '--flow-idle', '1s'];

export async function startGood(t: ExecutionContext, { namespace }: Lab, grpcPort: number): Promise<Agent> {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  docker.container(containerOf(t), 'shop', 'shop:1', {
    'io.kubernetes.pod.uid': pod.uid,
    'io.kubernetes.pod.name': pod.name,
    'io.kubernetes.pod.namespace': pod.namespace,
    'io.kubernetes.container.name': 'shop',
  });
  const to = ['--otlp-endpoint', `http://127.0.0.1:${grpcPort}`, '--traces', '--metric-attributes', '+k8s.pod.name'];
  const args = [...only(namespace), ...OFTEN, ...to, '--docker-socket', socket];
  const agent = await startAgent(args, { through: onHost(hosts.good) });
  t.teardown(() => agent.kill9());
  return agent;
}

const containerOf = (t: ExecutionContext) => createHash('sha256').update(`${process.pid} ${t.title}`).digest('hex');

/** Everything that the panels of connections are about. Listeners stay without room until `lab` ends. */
export async function happen(t: ExecutionContext, lab: Lab): Promise<void> {
  const slice = `kubepods-pod${pod.uid.replaceAll('-', '_')}.slice`;
  makeCgroup(t, `/kubepods.slice/${slice}/docker-${containerOf(t)}.scope`)(lab.client.pid);
  await exchange(t, lab.namespace, { connections: 20, prefix: `dash${process.pid}` });
  await exchange(t, lab.namespace, { connections: 3, prefix: hostile });
  await exchange(t, lab.namespace, { connections: 3, prefix: 'tick`' });
  const dialler = copyOf('attempts', temporaryDirectory(t), `dash${process.pid}-dialler`);
  await runAttempts(lab.namespace, 'refused', { file: dialler, count: FAILURES });
  await lookUp(lab);
  await lose(lab);
  await reset(lab);
  await datagrams(lab);
  await overfill(lab);
}

/** A name that is dialled, one that there is not, and what is no question at all. */
async function lookUp({ namespace, server, client }: Lab): Promise<void> {
  await startDnsmasq(namespace, [`--host-record=${peer},127.1.0.1`, '--address=/gone.example/']);
  const { port } = await server.listen('0.0.0.0');
  const resolver = Resolver.start(namespace);
  await resolver.do('servers', '127.0.0.1');
  for (let i = 0; i < 3; i++) {
    await resolver.do('resolve', peer);
    await resolver.do('dial', '127.1.0.1', `${port}`);
    await resolver.do('resolve', 'gone.example');
  }
  await resolver.end();
  const { fd } = await boundDatagramSocket(client);
  await client.do('send-datagrams', fd, 3, 40, 0, '127.0.0.1', 53);
}

/** Every tenth segment. */
async function lose(lab: Lab): Promise<void> {
  await lab.sh(`ip link set lo mtu 1500 gso_max_segs 1
iptables -A INPUT -p tcp -m statistic --mode nth --every 10 --packet 5 -j DROP`);
  const pair = await connected(lab.client, lab.server);
  const sent = lab.client.do('send', pair.client, 300_000);
  await lab.server.do('receive', pair.server, 300_000);
  await sent;
  await lab.sh('iptables -F INPUT');
  await lab.client.do('close', pair.client);
  await lab.server.do('drain', pair.server);
  await lab.server.do('close', pair.server);
}

async function reset({ client, server }: Lab): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const pair = await connected(client, server);
    await client.do('linger', pair.client, 0);
    await client.do('close', pair.client);
    await server.do('close', pair.server);
  }
}

async function datagrams({ client, server }: Lab): Promise<void> {
  const { port } = await boundDatagramSocket(server);
  const { fd } = await boundDatagramSocket(client);
  await client.do('send-datagrams', fd, 20, 100, 0, '127.0.0.1', port);
}

/** A queue of one, and more who want in. They try again and again. */
async function overfill({ client, server }: Lab): Promise<void> {
  const { port } = await server.listen('127.0.0.1', 0);
  for (let i = 0; i < LISTENER_CLIENTS; i++) {
    const fd = await client.socket('127.0.0.1', { nonblocking: true });
    await client.errno('connect', fd, '127.0.0.1', port);
  }
}

interface Trouble {
  readonly spool: string;
  /** Where records go: nowhere, at first. */
  readonly logs: string;
  readonly metrics: string;
}

/** Its records have nobody who takes them, its tables are too small, and its histograms are native ones. */
export async function startBad(t: ExecutionContext, namespace: Namespace, trouble: Trouble): Promise<Agent> {
  const env = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: trouble.logs,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: trouble.metrics,
  };
  const small = ['--max-connections', '1024', '--max-flows', '1024', '--histogram', 'exponential'];
  const kept = ['--spool', trouble.spool, '--shutdown-timeout', '2s'];
  const args = [...only(namespace), ...OFTEN, ...small, ...kept, '--no-docker'];
  const agent = await startAgent(args, { through: onHost(hosts.bad), env });
  t.teardown(() => agent.kill9());
  return agent;
}

export const nowhere = async () => `http://127.0.0.1:${await freePort()}/v1/logs`;

/** More than the tables of the bad host's agent have room for; all of it has ended at the end. */
export async function crowd(namespace: Namespace): Promise<void> {
  const [client, server] = [Sockets.start(namespace), Sockets.start(namespace)];
  const listener = await server.listen('127.0.0.1', 4096);
  await client.do('connect-many', 1500, '127.0.0.1', listener.port);
  await server.do('accept-many', listener.fd, 1500);
  const { fd } = await boundDatagramSocket(client);
  await client.do('send-datagrams', fd, 2000, 10, 1, '127.0.0.1', 20_000);
  await Promise.all([client.kill(), server.kill()]);
}
