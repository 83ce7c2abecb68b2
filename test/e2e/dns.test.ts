/** Names instead of addresses: real look-ups, answered by a real server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { watching } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { Resolver, startDnsmasq } from '../support/resolver.ts';
import { Sockets } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** More than 512 bytes of them. */
const MANY = Array.from({ length: 200 }, (_, index) => `--host-record=many.example,127.7.0.${index + 1}`);

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
    await withAgent(
      watching(namespace, ...(more.includes('--events') ? [] : ['--events', 'close,failed']), ...more),
      async (agent) => {
        const resolver = Resolver.start(namespace);
        await resolver.do('servers', '127.0.0.1');
        await body({ namespace, resolver, agent, port: `${port}` });
        await resolver.end();
      },
    );
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

/** `name type error` of each failed look-up of the namespace. */
function failures(namespace: Namespace, records: readonly JsonRecord[]): string[] {
  return within(namespace, records)
    .filter((record) => record.event_name === 'sockflow.dns.lookup')
    .map((record) =>
      ['dns.question.name', 'sockflow.dns.question.type', 'error.type'].map((key) => attribute(record, key)).join(' '),
    );
}

test.serial('a look-up that fails is an event of its process, one that is never answered too', async (t) => {
  await withNames(['--events', 'dns'], async ({ namespace, resolver, agent }) => {
    t.is(await resolver.do('resolve', 'gone.example'), 'ENOTFOUND');
    t.is(await resolver.do('resolve', 'elsewhere.example'), 'EREFUSED');
    await resolver.do('servers', '127.0.0.77');
    t.regex(`${await resolver.do('resolve', 'silent.example')}`, /^(ETIMEOUT|ECONNREFUSED)$/);
    const records = await agent.waitFor('a timeout', (all) => failures(namespace, all).length >= 3);
    t.deepEqual(failures(namespace, records), [
      'gone.example A nxdomain',
      'elsewhere.example A refused',
      'silent.example A timeout',
    ]);
    const [first] = within(namespace, records);
    t.is(first && attribute(first, 'process.pid'), resolver.pid);
    t.is(first && attribute(first, 'network.peer.address'), '127.0.0.1');
    t.is(first?.severity_number, 13);
  });
});

test.serial('names of the hosts file that the process sees; what was asked for by name wins', async (t) => {
  const hosts = join(temporaryDirectory(t), 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n127.1.0.50 Db.Internal db\n127.1.0.1 other.internal # no\n');
  await withNames([], async ({ namespace, agent, port }) => {
    const program = ['--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh', ...Resolver.command];
    const resolver = new Resolver(namespace.spawn('unshare', program, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await resolver.do('servers', '127.0.0.1');
    await resolver.do('resolve', 'plain.example');
    const wanted = new Map<unknown, string>();
    for (const [address, name] of [
      ['127.1.0.50', 'db.internal'],
      ['127.1.0.1', 'plain.example'],
      ['127.0.0.1', '127.0.0.1'],
    ] as const)
      wanted.set(await resolver.do('dial', address, port), name);
    await agent.waitFor('all ends', (records) => [...wanted.keys()].every((local) => endOf(records, local)));
    for (const [local, name] of wanted) {
      const record = endOf(agent.records(), local);
      t.is(record && attribute(record, 'server.address'), name);
    }
    await resolver.end();
  });
});

test.serial('--no-dns: addresses alone', async (t) => {
  await withNames(['--no-dns'], async ({ resolver, agent, port }) => {
    await resolver.do('resolve', 'plain.example');
    const local = await resolver.do('dial', '127.1.0.1', port);
    const records = await agent.waitFor('an end', (all) => endOf(all, local) !== undefined);
    const record = endOf(records, local);
    t.is(record && attribute(record, 'server.address'), '127.1.0.1');
  });
});
