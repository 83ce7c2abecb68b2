/** A connection between two hosts is one trace, though each has an agent of its own that knows nothing of the other's. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Lab, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { type DecodedSpan, decodeSpans } from '../support/otlp-decode.ts';
import { type OtlpServer, startOtlpServer } from '../support/otlp-server.ts';
import { joinByRouter, talkByRouter } from '../support/router.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CONNECTIONS = 20;

interface Host {
  readonly agent: Agent;
  readonly server: OtlpServer;
  spans(): (DecodedSpan & { service: unknown })[];
}

/** An agent that runs in the lab's namespace, watches nothing else and has a server of its own. */
async function hostOf(t: ExecutionContext, { namespace }: Lab): Promise<Host> {
  const address = `unix://${join(temporaryDirectory(t), 'otlp.sock')}`;
  const server = await startOtlpServer({ address, service: 'traces' });
  t.teardown(() => server.stop());
  const args = ['--network-namespace', 'self', '--traces', '--no-logs', '--no-metrics', '--otlp-endpoint', address];
  const agent = await startAgent(args, { namespace });
  t.teardown(() => agent.kill9());
  const spans = () =>
    server.accepted.flatMap(decodeSpans).flatMap(({ attributes, scopes }) => {
      const service = attributes['service.name']?.value;
      return scopes.flatMap(({ items }) => items.map((item) => ({ ...item, service })));
    });
  return { agent, server, spans };
}

test.serial('through a router that translates both addresses: server spans are children of client spans', async (t) => {
  await withLab(t, (near) =>
    withLab(t, (far) =>
      withNamespace(async (router) => {
        await joinByRouter(near, router, far);
        const [nearHost, farHost] = [await hostOf(t, near), await hostOf(t, far)];
        await talkByRouter(near, far, CONNECTIONS);
        const last = await near.client.socket('10.9.9.9');
        await near.client.errno('connect', last, '10.9.9.9', 80);
        for (const { agent } of [nearHost, farHost]) t.is((await agent.stop()).code, 0);

        const clients = nearHost.spans();
        const servers = farHost.spans();
        t.deepEqual([clients.length, servers.length], [CONNECTIONS + 1, CONNECTIONS]);
        t.true(
          clients.every(({ kind, service, parentSpanId }) => kind === 3 && service === 'lab-client' && !parentSpanId),
        );
        t.true(servers.every(({ kind, service }) => kind === 2 && service === 'lab-server'));

        const byTrace = new Map(clients.map((span) => [span.traceId, span]));
        t.is(byTrace.size, CONNECTIONS + 1);
        for (const span of servers) {
          const parent = byTrace.get(span.traceId) as DecodedSpan;
          t.is(span.parentSpanId, parent.spanId);
          t.not(span.spanId, parent.spanId);
          const moved = ({ attributes }: DecodedSpan, way: string) =>
            attributes[`sockflow.connection.${way}.bytes`]?.value;
          t.is(moved(span, 'received'), moved(parent, 'sent'));
          // Each end has its own view of the way between, so nothing but the ids joins them.
          t.is(parent.attributes['server.address']?.value, '10.9.9.9');
          t.is(span.attributes['network.peer.address']?.value, '10.0.2.1');
          byTrace.delete(span.traceId);
        }
        const [refused] = byTrace.values();
        t.is(refused?.status, 2);
        t.is(refused?.attributes['error.type']?.value, 'connection_refused');
      }),
    ),
  );
});
