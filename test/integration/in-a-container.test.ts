/** The agent in a real container: for a whole node as in examples/kubernetes.yaml, and beside a Collector for its pod alone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { attribute, ends, type JsonRecord, SOCKFLOW } from '../support/agent.ts';
import { otelcol, readLogs } from '../support/collector.ts';
import { Dockerd, IMAGE } from '../support/dockerd.ts';
import { Namespace } from '../support/netns.ts';
import { eventually, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const CHECKOUT = resolve(SOCKFLOW, '../..');
const PORT = 8080;

let netns: Namespace;
let directory: string;
let dockerd: Dockerd;

test.before(async () => {
  netns = await Namespace.create();
  directory = sharedDirectory();
  dockerd = new Dockerd(directory, netns);
  await dockerd.start();
  await dockerd.importImage();
  await dockerd.showAt('/run/docker.sock');
  await dockerd.run('web', `exec nc -ll -p ${PORT} -e cat`, '--label', 'tier=front');
});

test.after.always(() =>
  tearDown(
    () => dockerd?.stop(),
    () => netns?.close(),
    () => removeDirectory(directory),
  ),
);

/** Programs of this machine, since the image has none that need libraries. */
const PROGRAMS = ['/usr:/usr', '/usr/lib:/lib', '/usr/lib64:/lib64', `${CHECKOUT}:${CHECKOUT}`];
const volumes = (list: readonly string[]) => list.flatMap((volume) => ['--volume', `${volume}:ro`]);

/** A directory of the host that a container has as /out. */
function outOf(name: string): { readonly file: (of: string) => string; readonly options: string[] } {
  const out = join(directory, name);
  mkdirSync(out);
  return { file: (of) => join(out, of), options: ['--volume', `${out}:/out`] };
}

/** Starts an agent in a container of this name, and waits until it is ready. */
async function startAgent(name: string, args: string, options: readonly string[]) {
  const { file, options: out } = outOf(name);
  const line = `exec ${SOCKFLOW} ${args} >/out/records 2>/out/said`;
  // Docker's filter of system calls allows bpf() only with SYS_ADMIN; Kubernetes' default has no filter.
  const manner = ['--read-only', '--env', 'NODE_COMPILE_CACHE=/out/cache', '--security-opt', 'seccomp=unconfined'];
  await dockerd.run(name, line, ...volumes(PROGRAMS), ...out, ...manner, ...options);
  const said = () => (existsSync(file('said')) ? readFileSync(file('said'), 'utf8') : '');
  const text = await eventually(`ready line of ${name}`, said, (text) => text !== '');
  const ready = text.split('\n').find((one) => one.startsWith('sockflow: ready')) ?? '';
  const records = () =>
    readFileSync(file('records'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((one) => JSON.parse(one));
  return { ready, said, records: records as () => JsonRecord[] };
}

/** What `sockflow check` says in the container of an agent: states by name. */
async function check(container: string, ...args: string[]): Promise<Readonly<Record<string, string>>> {
  const text = await dockerd.docker('exec', container, SOCKFLOW, 'check', '--format', 'json', ...args);
  const { groups } = JSON.parse(text) as { groups: { findings: { name: string; state: string }[] }[] };
  return Object.fromEntries(groups.flatMap(({ findings }) => findings.map(({ name, state }) => [name, state])));
}

interface Container {
  readonly args: readonly string[];
  readonly securityContext: { readonly capabilities: { readonly add: readonly string[] } };
}

/** Of the example: the container's own part. */
function ofExample(): Container {
  const text = readFileSync(join(CHECKOUT, 'examples/kubernetes.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS());
  return objects.find(({ kind }) => kind === 'DaemonSet').spec.template.spec.containers[0];
}

/** Docker 20.10 does not know the first two; SYS_ADMIN stands for both in the kernel. */
function capabilities(names: readonly string[]): string[] {
  const known = names.map((name) => (name === 'BPF' || name === 'PERFMON' ? 'SYS_ADMIN' : name));
  return ['--cap-drop', 'ALL', ...new Set(known)].flatMap((name, at) => (at < 2 ? [name] : ['--cap-add', name]));
}

test.serial(
  "as in the example for Kubernetes: containers beside it have their names, users are the host's",
  async (t) => {
    const { args, securityContext } = ofExample();
    t.deepEqual(args.slice(0, 2), ['--host-root', '/host']);
    const ofHost = ['--pid', 'host', '--network', 'host', '--volume', '/:/host:ro'];
    const agent = await startAgent(
      'node-agent',
      '--host-root /host --format json --events close,failed --container-labels tier --container-wait 30s',
      [...ofHost, ...capabilities(securityContext.capabilities.add)],
    );
    t.regex(agent.ready, /, watching tcp and udp; outputs: stdout; containers: docker at \/host\/run\/docker\.sock/);
    t.like(await check('node-agent', '--host-root', '/host'), {
      "the host's processes": 'ok',
      "the host's files": 'ok',
      docker: 'ok',
      'owners of unused sockets, connects without a route': 'ok',
    });
    const address = await dockerd.address('web', 'bridge');
    const id = await dockerd.run('client', `echo hello | nc ${address} ${PORT}`);
    const ofConnection = () =>
      ends(agent.records()).filter(
        (record) =>
          attribute(record, 'network.peer.address') === address || attribute(record, 'container.name') === 'web',
      );
    const both = await eventually('both ends', ofConnection, (found) => found.length === 2);
    const of = (role: string) =>
      both.find((record) => attribute(record, 'sockflow.connection.role') === role)?.resource;
    t.like(of('client'), { 'container.id': id, 'container.name': 'client', 'container.runtime.name': 'docker' });
    t.like(of('server'), {
      'container.name': 'web',
      'container.label.tier': 'front',
      'container.image.name': IMAGE.slice(0, IMAGE.lastIndexOf(':')),
      'process.user.name': 'root',
      'host.id': readFileSync('/etc/machine-id', 'utf8').trim(),
    });
  },
);

const COLLECTOR = `
receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:4317' } } } }
exporters: { file: { path: /out/logs.json, flush_interval: 100ms } }
service:
  pipelines: { logs: { receivers: [otlp], exporters: [file] } }
  telemetry: { metrics: { level: none } }
`;

test.serial(
  "beside a Collector, of its pod alone: the pod's connections, and a word on all that it cannot see",
  async (t) => {
    const collector = outOf('collector');
    writeFileSync(collector.file('config.yaml'), COLLECTOR);
    await dockerd.run(
      'collector',
      'exec /otelcol --config /out/config.yaml >/out/said 2>&1',
      ...volumes([`${otelcol}:/otelcol`]),
      ...collector.options,
    );
    const pod = ['--network', 'container:collector', '--cgroupns', 'private'];
    const agent = await startAgent(
      'sidecar',
      '--network-namespace self --events close,failed --otlp-endpoint http://127.0.0.1:4317 --no-metrics',
      [...pod, ...capabilities(['BPF', 'PERFMON', 'NET_ADMIN'])],
    );
    for (const missed of [
      /owners of unused sockets, connects without a route outside this cgroup namespace/,
      /interfaces in other network namespaces \(not in the host's pid namespace\)/,
      /hosts files of other processes \(not in the host's pid namespace\)/,
      /user names of the host/,
    ])
      t.regex(agent.ready, missed);
    t.regex(agent.ready, /containers: ids only \(no runtime's socket is there yet\); no capabilities left$/);
    t.like(await check('sidecar'), {
      'TCP connections': 'ok',
      "the host's processes": 'off',
      "the host's files": 'off',
      'container runtimes': 'off',
      'owners of unused sockets, connects without a route': 'partly',
    });
    const address = await dockerd.address('web', 'bridge');
    const id = await dockerd.run('app', `echo hello | nc ${address} ${PORT}`, '--network', 'container:collector');
    await dockerd.run('outside', `echo hello | nc ${address} ${PORT}`);
    await dockerd.docker('wait', 'outside');
    const logs = () => readLogs(collector.file('logs.json')).filter((log) => log.attributes['server.port'] === PORT);
    const [log] = await eventually('record', logs, (found) => found.length > 0);
    t.is(log?.attributes['network.peer.address'], address);
    t.is(log?.resource['container.id'], id);
    t.false('container.name' in (log?.resource ?? {}));
    await dockerd.docker('stop', 'sidecar');
    t.is(logs().length, 1, 'one of the pod, none of others');
    t.regex(agent.said(), /lost 0/);
  },
);
