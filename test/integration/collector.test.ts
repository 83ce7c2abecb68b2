/** The configurations of examples/ in a real Collector that has their processors. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createOtlpLogsExporter, type OtlpLogsOptions } from '../../src/export/otlp/logs.ts';
import { readResource } from '../../src/export/otlp/resource.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord, Process } from '../../src/model.ts';
import { program } from '../support/backends.ts';
import { type Collector, type LogRecord, readLogs, startCollector, validateConfig } from '../support/collector.ts';
import { kubeconfigFor, pod, refuse, startKubeServer, watch } from '../support/kube-server.ts';
import { table } from '../support/otlp-both-ways.ts';
import { host, makeProcess, makeRecord } from '../support/otlp-records.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const collector = program('collector');
const example = (name: string) => join(EXAMPLES, name);

/** Into files, what the configuration says to print. */
function intoFiles(exporters: Readonly<Record<string, string>>, pipelines: Readonly<Record<string, string>>): string {
  const lines = Object.entries(exporters).map(
    ([name, path]) => `  ${name}: { path: '${path}', flush_interval: 100ms }`,
  );
  const flows = Object.entries(pipelines).map(([name, exporter]) => `    ${name}: { exporters: [${exporter}] }`);
  return `exporters:\n${lines.join('\n')}\nservice:\n  pipelines:\n${flows.join('\n')}\n`;
}

async function send(to: Collector, records: readonly ConnectionRecord[], options: Partial<OtlpLogsOptions> = {}) {
  const ledger = new Ledger();
  const endpoint = `http://127.0.0.1:${to.grpcPort}`;
  const exporter = createOtlpLogsExporter({ endpoint, host, attributes: table, ...options }, ledger, () => undefined);
  exporter.export(records);
  await exporter.shutdown(performance.now() + 30_000);
  if (ledger.sent.get('otlp-logs') !== records.length) throw new Error(JSON.stringify(ledger.lost));
  await to.stop();
}

for (const name of ['collector-kubernetes.yaml', 'collector-regroup.yaml', 'collector-host.yaml'])
  test.serial(`the Collector accepts ${name} as it is`, async (t) => {
    t.is(await validateConfig(example(name), collector), '');
  });

test.serial('a configuration with a mistake is refused, so that the check above means something', async (t) => {
  const wrong = 'yaml:processors: { k8s_attributes: { pod_asociation: [] } }';
  t.regex(await validateConfig(wrong, collector), /pod_asociation/);
});

const kinds: Readonly<Record<string, string>> = { pods: 'Pod', namespaces: 'Namespace', replicasets: 'ReplicaSet' };

/** Watches begin with what is there already, and say when that is all (`sendInitialEvents`). */
function endOfList(kind: string): object {
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const apiVersion = kind === 'ReplicaSet' ? 'apps/v1' : 'v1';
  return { type: 'BOOKMARK', object: { kind, apiVersion, metadata: { resourceVersion: '1', annotations } } };
}

test.serial('k8s_attributes completes pods by their uid, and by the id of a container', async (t) => {
  const id = '5f'.repeat(32);
  const web = pod('web-7d9c-x', {
    uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
    labels: { team: 'red', 'pod-template-hash': '7d9c' },
    owner: ['ReplicaSet', 'web-7d9c'],
    node: 'node-7',
    ip: '10.1.2.3',
    containers: [['nginx', id, 'registry.local/nginx:1.2']],
  });
  const server = await startKubeServer(t, (request, response) => {
    const kind = kinds[request.path.split('/').at(-1) ?? ''];
    if (kind === undefined) return refuse(404, `${request.path} not found`)(request, response);
    response.setHeader('content-type', 'application/json');
    const there = kind === 'Pod' ? [{ type: 'ADDED', object: { apiVersion: 'v1', ...web } }] : [];
    return watch(...there, endOfList(kind))(request, response);
  });
  const logsFile = join(temporaryDirectory(t), 'logs.json');
  const started = await startCollector({
    program: collector,
    directory: temporaryDirectory(t),
    config: [example('collector-kubernetes.yaml'), intoFiles({ file: logsFile }, { logs: 'file' })],
    env: { COLLECTOR_KUBERNETES_AUTH: 'kubeConfig', KUBECONFIG: kubeconfigFor(t, server.url) },
  });
  t.teardown(() => started.kill());

  const container = { id, runtime: 'containerd' };
  const byUid = makeProcess(1, { pod: { uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' }, container });
  const byId = makeProcess(2, { container });
  const stranger = makeProcess(3);
  await send(
    started,
    [byUid, byId, stranger].map((process, number) => makeRecord(number, { process })),
  );

  const resourceOf = ({ pid }: Process) =>
    readLogs(logsFile).find(({ resource }) => resource['process.pid'] === pid)?.resource;
  for (const process of [byUid, byId])
    t.like(resourceOf(process), {
      'k8s.pod.name': 'web-7d9c-x',
      'k8s.pod.uid': '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
      'k8s.namespace.name': 'shop',
      'k8s.deployment.name': 'web',
      'k8s.node.name': 'node-7',
      'k8s.container.name': 'nginx',
      'k8s.pod.label.team': 'red',
      'service.name': process.executableName,
      'host.name': host.name,
    });
  t.deepEqual(
    Object.keys(resourceOf(stranger) ?? {}).filter((key) => key.startsWith('k8s.')),
    [],
  );
});

test.serial('groupbyattrs makes of flat records the resources that there would have been', async (t) => {
  const [flatFile, groupedFile] = ['flat.json', 'grouped.json'].map((name) => join(temporaryDirectory(t), name));
  const started = await startCollector({
    program: collector,
    directory: temporaryDirectory(t),
    config: [
      example('collector-regroup.yaml'),
      intoFiles(
        { 'file/flat': flatFile as string, 'file/grouped': groupedFile as string },
        { 'logs/flat': 'file/flat', 'logs/grouped': 'file/grouped' },
      ),
    ],
  });
  t.teardown(() => started.kill());
  const owners = [makeProcess(1), makeProcess(2, { systemdUnit: 'two.service' }), makeProcess(3)];
  const records = Array.from({ length: 60 }, (_, n) => makeRecord(n, { process: owners[n % 3] as Process }));
  await send(started, records, { identity: 'record' });

  const grouped = Map.groupBy(readLogs(groupedFile as string), ({ resource }) => resource['process.pid']);
  t.is(grouped.size, owners.length);
  for (const owner of owners) {
    const logs = grouped.get(owner.pid) as LogRecord[];
    t.is(logs.length, records.length / owners.length);
    for (const { resource, attributes } of logs) {
      t.deepEqual(sorted(resource), sorted(readResource(owner, { host })));
      t.true(Object.keys(attributes).every((key) => !key.startsWith('process.')));
    }
  }
  const flat = readLogs(flatFile as string);
  t.is(flat.length, records.length);
  t.true(flat.every(({ attributes, resource }) => 'process.pid' in attributes && !('process.pid' in resource)));
});

/** What a machine of EC2 is told of itself (IMDSv2), as far as the Collector asks. */
const identityDocument = {
  accountId: '123456789012',
  architecture: 'x86_64',
  availabilityZone: 'eu-central-1a',
  imageId: 'ami-0123456789abcdef0',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 't3.micro',
  region: 'eu-central-1',
};

async function startCloud(t: ExecutionContext): Promise<string> {
  const answers: Readonly<Record<string, string>> = {
    '/latest/api/token': 'token',
    '/latest/dynamic/instance-identity/document': JSON.stringify(identityDocument),
    '/latest/meta-data/hostname': 'ip-10-0-0-1.eu-central-1.compute.internal',
    '/latest/meta-data/instance-id': identityDocument.instanceId,
  };
  const server = createServer((request, response) => {
    const answer = answers[request.url?.replace(/\/$/, '') ?? ''];
    response.writeHead(answer === undefined ? 404 : 200, { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' });
    response.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const override of [false, true])
  test.serial(
    override
      ? 'with override: true what the agent says of its host is lost, as the documentation warns'
      : 'resource_detection adds what the cloud says, and leaves what the agent says',
    async (t) => {
      const logsFile = join(temporaryDirectory(t), 'logs.json');
      const changed = override ? ['yaml:processors: { resource_detection: { override: true } }'] : [];
      const started = await startCollector({
        program: collector,
        directory: temporaryDirectory(t),
        config: [example('collector-host.yaml'), intoFiles({ file: logsFile }, { logs: 'file' }), ...changed],
        env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: await startCloud(t), OTEL_RESOURCE_ATTRIBUTES: 'team=red' },
      });
      t.teardown(() => started.kill());
      const owner = makeProcess(1);
      await send(started, [makeRecord(1, { process: owner })]);
      const resource = readLogs(logsFile)[0]?.resource ?? {};
      t.like(resource, {
        'cloud.provider': 'aws',
        'cloud.platform': 'aws_ec2',
        'cloud.region': 'eu-central-1',
        'cloud.availability_zone': 'eu-central-1a',
        'cloud.account.id': '123456789012',
        'host.type': 't3.micro',
        'host.arch': 'amd64',
        team: 'red',
      });
      const own = readResource(owner, { host });
      if (!override) t.like(resource, own);
      else t.not(resource['host.name'], own['host.name']);
    },
  );

const sorted = (attributes: object) => Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
