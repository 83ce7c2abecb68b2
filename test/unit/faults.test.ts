/**
 * What goes wrong without a record being lost by it is counted where it happens, as often as it happens, and nothing else is:
 * each here a prime number of times. That the counts are really looked at is shown by bench/mutations.ts.
 */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import test, { type ExecutionContext } from 'ava';
import { directFiles } from '../../src/capture/process-files.ts';
import { createNames } from '../../src/dns/index.ts';
import { type ContainersOptions, createContainers } from '../../src/enrich/containers.ts';
import { createEnrichment } from '../../src/enrich/index.ts';
import { createSdkLogsExporter } from '../../src/export/otlp/sdk-logs.ts';
import { createOtlpTracesExporter } from '../../src/export/otlp/traces.ts';
import { createRecordAttributes } from '../../src/export/semconv.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord, Process } from '../../src/model.ts';
import { message } from '../support/dns-message.ts';
import { dnsPacket } from '../support/dns-packet.ts';
import { createFakeProc } from '../support/fake-proc.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../support/otlp-records.ts';
import { eventually } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** All that a ledger counts of it, so that what is not named is 0. */
function counted(ledger: Ledger): Record<string, number> {
  const lost = ledger.lost.map(({ stage, reason, count }) => [`lost ${stage}/${reason}`, count]);
  return {
    ...Object.fromEntries(ledger.faults),
    ...Object.fromEntries(lost),
    ...(ledger.late && { late: ledger.late }),
  };
}

const times = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => make(index));

function namesWith(t: ExecutionContext, ledger: Ledger) {
  const proc = createFakeProc(t);
  return { proc, names: createNames({ ledger, files: directFiles(proc.directory), findProcess: () => undefined }) };
}

test('hosts files that lie where a user answers for them', (t) => {
  const ledger = new Ledger();
  const { proc, names } = namesWith(t, ledger);
  const root = proc.root({ hosts: '10.0.0.1 name.example' });
  for (const pid of times(7, (index) => index + 1)) {
    proc.put(pid, { networkNamespace: pid, mountNamespace: pid, root, type: 'fuse.sshfs' });
    names.name(makeRecord(pid, { networkNamespace: pid, process: makeProcess(pid, { pid }), peerAddress: '10.0.0.1' }));
  }
  t.deepEqual(counted(ledger), { 'correlate/hosts_file_system': 7 });
});

test('streams of answers with a hole in them', (t) => {
  const ledger = new Ledger();
  const { names } = namesWith(t, ledger);
  const early = (cookie: bigint, place: number) =>
    dnsPacket({ isAnswer: true, transport: 'tcp', cookie, position: 100 + 2 * place, bytes: Buffer.from('x') });
  for (const cookie of times(5, BigInt)) for (const place of times(40, Number)) names.learn(early(cookie, place));
  t.deepEqual(counted(ledger), { 'correlate/dns_stream_hole': 5 });
});

test('questions that there is no room for', (t) => {
  const ledger = new Ledger();
  const { names } = namesWith(t, ledger);
  const bytes = message({ id: 1, question: 'name.example', isAnswer: false });
  for (const cookie of times(16_384 + 13, BigInt)) names.learn(dnsPacket({ cookie, bytes }));
  t.deepEqual(counted(ledger), { 'correlate/dns_pending_full': 13 });
});

test('an enricher that fails costs its part, not the others', (t) => {
  const ledger = new Ledger();
  const fail = () => {
    throw new Error('broken');
  };
  const complete = (process: Process) => {
    process.userName = 'known';
  };
  const enrich = createEnrichment(
    [
      { name: 'broken', enrich: fail },
      { name: 'whole', enrich: complete },
    ],
    ledger,
  );
  const processes = times(11, (serial) => makeProcess(serial));
  processes.forEach(enrich);
  t.true(processes.every(({ userName }) => userName === 'known'));
  t.deepEqual(counted(ledger), { 'enrich/broken': 11 });
});

const idOf = (index: number) => index.toString(16).padStart(64, '0');
const inContainer = (index: number, cgroup: string) => makeProcess(index, { cgroups: [cgroup] });
const inDocker = (index: number) => inContainer(index, `/system.slice/docker-${idOf(index)}.scope`);

function containersWith(t: ExecutionContext, changes: Partial<ContainersOptions> & { socket?: string }) {
  const { socket = join(temporaryDirectory(t), 'nobody.sock'), ...rest } = changes;
  const [ledger, emitted, said] = [new Ledger(), [] as ConnectionRecord[], [] as string[]];
  const containers = createContainers({
    options: {
      docker: true,
      dockerSocket: [socket],
      runtimeEndpoint: [`${socket}.none`],
      containerLabels: [],
      hostRoot: '/',
      containerWait: 3_600_000,
    },
    ledger,
    log: { limited: (_level, _key, words) => void said.push(words) },
    emit: (records) => void emitted.push(...records),
    ...rest,
  });
  t.teardown(() => containers.close());
  return { ledger, containers, emitted, said };
}

test('pods that too many others are asked for', (t) => {
  const nobody = { description: '', isAnswered: true, find: () => undefined, close: () => undefined };
  const kubernetes = { ...nobody, ask: () => new Promise<never>(() => undefined) };
  const { ledger, containers } = containersWith(t, { kubernetes });
  for (const index of times(512 + 17, Number)) {
    const uid = `00000000-0000-4000-8000-${`${index}`.padStart(12, '0')}`.replaceAll('-', '_');
    containers.enricher.enrich(
      inContainer(index, `/kubepods.slice/kubepods-pod${uid}.slice/cri-containerd-${idOf(index)}.scope`),
    );
  }
  t.deepEqual(counted(ledger), { 'enrich/kubernetes_skipped': 17 });
});

/** A docker daemon that answers each question so. */
async function daemon(t: ExecutionContext, answer: 'hang' | 500): Promise<string> {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const server = createServer((_, response) => {
    if (answer !== 'hang') response.writeHead(answer).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

test('records that went before the name of their container came', async (t) => {
  const socket = await daemon(t, 'hang');
  const options = {
    docker: true,
    dockerSocket: [socket],
    runtimeEndpoint: [`${socket}.none`],
    containerLabels: [],
    hostRoot: '/',
  };
  const { ledger, containers, emitted } = containersWith(t, { options: { ...options, containerWait: 1 } });
  const process = inDocker(1);
  containers.enricher.enrich(process);
  t.deepEqual(containers.pass(times(19, (number) => makeRecord(number, { process }))), []);
  await eventually(
    'records that waited',
    () => emitted.length,
    (count) => count === 19,
  );
  t.deepEqual(counted(ledger), { late: 19 });
});

test('a runtime that fails is counted by its name, as often as it is said', async (t) => {
  const socket = await daemon(t, 500);
  const { ledger, containers, said } = containersWith(t, { socket });
  for (const index of times(3, Number)) containers.enricher.enrich(inDocker(index));
  await eventually(
    'failures',
    () => said.length,
    (count) => count >= 2,
  );
  t.deepEqual(counted(ledger), { 'enrich/docker': said.length });
});

const attributes = createRecordAttributes({ ownNetworkNamespace });

test('what happened to connections that nobody tells the end of, when there is too much of it', async (t) => {
  const ledger = new Ledger();
  const traces = { attributes, lookupAttributes: [], host, endpoint: 'http://127.0.0.1:9' };
  const exporter = createOtlpTracesExporter(traces, ledger, () => undefined);
  exporter.export(times(65_536 + 23, (number) => makeRecord(number, { event: 'retransmit' })));
  await exporter.shutdown(0);
  t.deepEqual(counted(ledger), { 'export/traces_events_forgotten': 23 });
});

test("what the SDK's exporter takes, refuses and throws at", (t) => {
  const ledger = new Ledger();
  const answers = [
    (done: (result: ExportResult) => void) => done({ code: ExportResultCode.SUCCESS }),
    (done: (result: ExportResult) => void) => done({ code: ExportResultCode.FAILED }),
    () => {
      throw new Error('broken');
    },
  ];
  const none = async () => undefined;
  const exporter = createSdkLogsExporter(
    {
      name: 'sdk',
      attributes,
      host,
      exporter: { export: (_, done) => answers.shift()?.(done), shutdown: none, forceFlush: none },
    },
    ledger,
  );
  for (const count of [3, 5, 7]) exporter.export(times(count, makeRecord));
  t.deepEqual(counted(ledger), { 'lost export/refused': 5 + 7 });
  t.is(ledger.sent.get('sdk'), 3);
});
