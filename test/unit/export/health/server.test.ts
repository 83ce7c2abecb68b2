import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { StartError } from '../../../../src/errors.ts';
import { openHealth } from '../../../../src/export/health/index.ts';
import { Ledger } from '../../../../src/ledger.ts';
import { observeForHealth } from '../../../../src/telemetry/provider.ts';
import { freePort } from '../../../support/collector.ts';
import { host } from '../../../support/otlp-records.ts';
import { parsePrometheus } from '../../../support/prometheus-text.ts';

async function open(t: ExecutionContext) {
  const port = await freePort();
  const state = { isReady: false };
  const health = await openHealth({ address: { host: '127.0.0.1', port }, isReady: () => state.isReady });
  t.teardown(() => health.exporter.shutdown(performance.now()));
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(url + path, { method });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return { health, state, port, get };
}

test('it lives at once, and is ready when everything is attached', async (t) => {
  const { state, get, health, port } = await open(t);
  t.is(health.exporter.name, `health on 127.0.0.1:${port}`);
  t.like(await get('/livez'), { status: 200, text: 'ok\n' });
  t.like(await get('/readyz'), { status: 503, text: 'starting\n' });
  state.isReady = true;
  t.like(await get('/readyz?verbose=1'), { status: 200, text: 'ok\n' });
  t.like(await get('/readyz', 'HEAD'), { status: 200, text: '' });
});

test('what is no page, or no question, is refused', async (t) => {
  const { get } = await open(t);
  t.like(await get('/'), { status: 404, text: 'no such page; there are /livez, /readyz, /metrics\n' });
  for (const path of ['/constructor', '/livez/', '/__proto__']) t.is((await get(path)).status, 404, path);
  const posted = await get('/livez', 'POST');
  t.is(posted.status, 405);
  t.is(posted.headers.get('allow'), 'GET, HEAD');
});

test('/metrics has the books, read once for each question', async (t) => {
  const { health, get, state } = await open(t);
  const ledger = new Ledger();
  ledger.received = 7;
  ledger.lose('export', 'metrics_queue_full', 3);
  let reads = 0;
  const kernelCounts = () => {
    reads++;
    const udp = { opened: 3, closed: 1, live: 2 };
    return { opened: 9, closed: 5, live: 4, lost: { ring_full: 11 }, dropped: { 'DNS messages': 2 }, udp, folded: 8 };
  };
  const losses = () => [{ stage: 'kernel', reason: 'ring_full', count: 11 }, ...ledger.lost];
  const capabilities = () => ({ udp: true, use_calls: false });
  observeForHealth({ health, host }, { ledger, kernelCounts, losses, capabilities });
  state.isReady = true;
  const { status, text, headers } = await get('/metrics');
  t.is(status, 200);
  t.is(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.is(reads, 1);
  await get('/metrics');
  t.is(reads, 2);

  const families = parsePrometheus(text);
  const values = (name: string, label: string) =>
    families.get(name)?.samples.map(({ labels, value }) => [labels[label], value]);
  t.is(families.get('sockflow_agent_received_total')?.samples[0]?.value, 7);
  t.deepEqual(values('sockflow_agent_lost_total', 'sockflow_agent_reason'), [
    ['ring_full', 11],
    ['metrics_queue_full', 3],
  ]);
  t.deepEqual(values('sockflow_agent_dropped_total', 'sockflow_agent_what'), [['dns_messages', 2]]);
  t.deepEqual(values('sockflow_agent_connection_live', 'network_transport'), [
    ['tcp', 4],
    ['udp', 2],
  ]);
  t.deepEqual(values('sockflow_agent_capability', 'sockflow_agent_capability_name'), [
    ['udp', 1],
    ['use_calls', 0],
  ]);
  const cpu = values('sockflow_agent_cpu_time_seconds_total', 'cpu_mode') ?? [];
  t.deepEqual(
    cpu.map(([mode]) => mode),
    ['user', 'system'],
  );
  t.true(cpu.every(([, seconds]) => Number(seconds) > 0 && Number(seconds) < 1000));
  const [memory] = families.get('sockflow_agent_memory_usage_bytes')?.samples ?? [];
  t.true((memory?.value ?? 0) > 2 ** 20);
  t.is(families.get('target_info')?.samples[0]?.labels.host_name, host.name);
});

test('an address in use, or not of this host, is said so', async (t) => {
  const { port } = await open(t);
  const refused = (address: string) => openHealth({ address: { host: address, port }, isReady: () => true });
  const inUse = await t.throwsAsync(() => refused('127.0.0.1'), { instanceOf: StartError });
  t.is(inUse?.message, `--health 127.0.0.1:${port} is in use by another program`);
  const strange = await t.throwsAsync(() => refused('192.0.2.1'), { instanceOf: StartError });
  t.is(strange?.message, `--health 192.0.2.1:${port} is no address of this host`);
  const unknown = await t.throwsAsync(() => refused('nowhere.invalid'), { instanceOf: StartError });
  t.regex(unknown?.message ?? '', /^--health nowhere\.invalid:\d+ has no address$/);
});

test('what is no HTTP ends its connection and nothing else; the end does not wait for those that are open', async (t) => {
  const { port, get, health } = await open(t);
  const noise = connect(port, '127.0.0.1');
  noise.on('error', () => undefined);
  noise.end('\x00\xff garbage\r\n\r\n');
  noise.resume();
  await once(noise, 'close');
  const idle = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(idle, 'connect');
  const half = request({ port, host: '127.0.0.1', path: '/livez', headers: { 'content-length': '9' } });
  half.on('error', () => undefined).write('x');
  t.is((await get('/livez')).status, 200);
  await health.exporter.shutdown(performance.now());
  await health.exporter.shutdown(performance.now());
  await t.throwsAsync(() => get('/livez'));
});
