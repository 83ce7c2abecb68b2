/** examples/09-two-hosts.sh with a real Jaeger: what two agents see apart is one trace. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { cleanEnvironment } from '../support/agent.ts';
import { startJaeger } from '../support/backends.ts';
import { result, settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const SCRIPT = join(import.meta.dirname, '../../examples/09-two-hosts.sh');
const COUNT = 7;

interface Tagged {
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

interface Span extends Tagged {
  readonly spanID: string;
  readonly processID: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
}

interface Traces {
  readonly data: readonly {
    readonly spans: readonly Span[];
    readonly processes: Readonly<Record<string, Tagged & { readonly serviceName: string }>>;
  }[];
}

const tag = (of: Tagged | undefined, wanted: string) => of?.tags.find(({ key }) => key === wanted)?.value;
const namespaces = (id: number | undefined) =>
  readdirSync('/run/netns').filter((name) => name.startsWith(`sockflow${id}-`));

test.serial('each connection is one trace: the client of one host, the server of the other', async (t) => {
  const jaeger = await startJaeger(temporaryDirectory(t));
  t.teardown(() => jaeger.stop());
  const env = { ...cleanEnvironment(), JAEGER: `http://127.0.0.1:${jaeger.grpcPort}`, COUNT: `${COUNT}` };
  const script = spawn(SCRIPT, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  // It ends its agents and removes its hosts.
  t.teardown(() => script.kill('SIGTERM'));
  const { code, stdout, stderr } = await result(script);
  t.is(code, 0, stderr);
  t.regex(stdout, /^7 connections from near\.example to far\.example/m);
  t.deepEqual(namespaces(script.pid), []);

  const query = new URLSearchParams({ service: 'two-hosts-client', limit: '100' });
  const { data } = await settled(
    async () => (await (await fetch(`${jaeger.url}/api/traces?${query}`)).json()) as Traces,
    (found) => found.data.length >= COUNT && found.data.every(({ spans }) => spans.length >= 2),
    60_000,
  );
  t.is(data.length, COUNT);
  for (const { spans, processes } of data) {
    t.is(spans.length, 2);
    const of = (host: string) => spans.find(({ processID }) => tag(processes[processID], 'host.name') === host);
    const [client, server] = [of('near.example'), of('far.example')];
    t.is(processes[client?.processID ?? '']?.serviceName, 'two-hosts-client');
    t.is(processes[server?.processID ?? '']?.serviceName, 'node');
    t.deepEqual(
      server?.references.map(({ refType, spanID }) => [refType, spanID]),
      [['CHILD_OF', client?.spanID]],
    );
    const addresses = (span: Span | undefined) => [
      tag(span, 'network.local.address'),
      tag(span, 'network.peer.address'),
    ];
    t.is(addresses(client)[0], '10.0.1.2');
    t.deepEqual(addresses(server), ['10.0.2.2', '10.0.2.1'], 'another host than the one that dialled, by its address');
  }
});

test.serial('without Jaeger or with it, when it is ended it leaves no host behind', async (t) => {
  const env = { ...cleanEnvironment(), JAEGER: 'http://127.0.0.1:1', COUNT: '1000000' };
  const script = spawn(SCRIPT, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  await settled(
    () => namespaces(script.pid).length,
    (count) => count === 3,
    60_000,
  );
  script.kill('SIGTERM');
  const { code } = await result(script);
  t.is(code, 1);
  t.deepEqual(namespaces(script.pid), []);
});
