/** Names instead of addresses: real look-ups, answered by a real server. */
import test from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { watching } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { Resolver, startDnsmasq } from '../support/resolver.ts';
import { Sockets } from '../support/sockets.ts';

/** More than 512 bytes of them. */
const MANY = Array.from({ length: 40 }, (_, index) => `--host-record=many.example,127.7.0.${index + 1}`);

const ZONE = [
  '--host-record=plain.example,127.1.0.1',
  '--host-record=six.example,::1',
  '--host-record=edge.cdn.example,127.1.0.2',
  '--cname=alias.cdn.example,edge.cdn.example',
  '--cname=www.example,alias.cdn.example',
  '--address=/gone.example/',
  ...MANY,
];

interface Place {
  readonly namespace: Namespace;
  readonly resolver: Resolver;
  readonly agent: Agent;
  readonly port: string;
}

async function withNames(more: readonly string[], body: (place: Place) => Promise<void>): Promise<void> {
  await withNamespace(async (namespace) => {
    const server = Sockets.start(namespace);
    const { port } = await server.listen('::');
    await startDnsmasq(namespace, ZONE);
    await withAgent(watching(namespace, '--events', 'close,failed', ...more), async (agent) => {
      const resolver = Resolver.start(namespace);
      await resolver.do('servers', '127.0.0.1');
      await body({ namespace, resolver, agent, port: `${port}` });
      await resolver.end();
    });
    await server.kill();
  });
}

/** The end of the client's connection with this local port. */
function endOf(records: readonly JsonRecord[], localPort: unknown): JsonRecord | undefined {
  return records.find(
    (record) =>
      attribute(record, 'sockflow.connection.role') === 'client' &&
      attribute(record, 'network.local.port') === localPort,
  );
}

test.serial('a connection has the name that its process asked for, whatever it is an alias of', async (t) => {
  await withNames([], async ({ namespace, resolver, agent, port }) => {
    const dialled = new Map<unknown, readonly [name: string, address: string]>();
    const visit = async (name: string, address: string, type = 'A'): Promise<void> => {
      const answer = await resolver.do('resolve', name, type);
      t.true((answer as string[]).includes(address), `${name}: ${answer}`);
      dialled.set(await resolver.do('dial', address, port), [name.toLowerCase(), address]);
    };
    await visit('plain.example', '127.1.0.1');
    await visit('six.example', '::1', 'AAAA');
    await visit('www.example', '127.1.0.2');
    await visit('MANY.example', '127.7.0.33');
    dialled.set(await resolver.do('dial', '127.1.0.99', port), ['127.1.0.99', '127.1.0.99']);
    await agent.waitFor('all ends', (records) => [...dialled.keys()].every((local) => endOf(records, local)));
    const { records } = await agent.stop();
    for (const [local, [name, address]] of dialled) {
      const record = endOf(within(namespace, records), local);
      t.is(record && attribute(record, 'server.address'), name);
      t.is(record && attribute(record, 'network.peer.address'), address);
    }
  });
});
