/** Names instead of addresses: real look-ups, answered by a real server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { watching } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { type DecodedSpan, decodeSpans } from '../support/otlp-decode.ts';
import { startOtlpServer } from '../support/otlp-server.ts';
import { Resolver, startDnsmasq } from '../support/resolver.ts';
import { joinByCable } from '../support/router.ts';
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

/** The end of the client's connection with this local port. A look-up, to another address, may have had the same one. */
function endOf(records: readonly JsonRecord[], localPort: unknown): JsonRecord | undefined {
  return records.find(
    (record) =>
      attribute(record, 'sockflow.connection.role') === 'client' &&
      attribute(record, 'network.peer.port') !== 53 &&
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

test.serial(
  'an answer that is truncated is asked for again by TCP: the names of the addresses in that one',
  async (t) => {
    await withNames([], async ({ namespace, resolver, agent, port }) => {
      const addresses = (await resolver.do('resolve', 'many.example')) as string[];
      t.is(addresses.length, MANY.length);
      // More than a truncated answer has room for.
      const locals: unknown[] = [];
      for (const address of addresses.slice(0, 100)) locals.push(await resolver.do('dial', address, port));
      await resolver.end();
      await agent.waitFor('all ends', (records) => locals.every((local) => endOf(records, local)));
      const records = within(namespace, (await agent.stop()).records);
      const asked = (transport: string) =>
        records.filter(
          (record) =>
            attribute(record, 'process.pid') === resolver.pid &&
            attribute(record, 'network.peer.port') === 53 &&
            attribute(record, 'network.transport') === transport,
        );
      const received = (record: JsonRecord) => Number(attribute(record, 'sockflow.connection.received.bytes'));
      const [byUdp, byTcp] = [asked('udp'), asked('tcp')];
      t.deepEqual([byUdp.length, byTcp.length], [1, 1]);
      // The least that an address takes in an answer is 16 bytes.
      t.true(byUdp.map(received).every((bytes) => bytes > 0 && bytes < 16 * locals.length));
      t.true(byTcp.map(received).every((bytes) => bytes >= 16 * MANY.length));
      const names = locals.map((local) => attribute(endOf(records, local) as JsonRecord, 'server.address'));
      t.deepEqual([...new Set(names)], ['many.example']);
    });
  },
);

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

/** A stub at 127.0.0.53 of `near`, which asks a server in another network namespace. */
async function withStub(body: (near: Namespace) => Promise<void>): Promise<void> {
  await withNamespace((near) =>
    withNamespace(async (far) => {
      await joinByCable(near, far);
      await startDnsmasq(far, ZONE, '10.0.3.2');
      await startDnsmasq(near, ['--server=10.0.3.2'], '127.0.0.53');
      await body(near);
    }),
  );
}

test.serial('by the stub of the system resolver: each process has the name that it asked the stub for', async (t) => {
  const file = join(temporaryDirectory(t), 'resolv.conf');
  writeFileSync(file, 'nameserver 127.0.0.53\n');
  await withStub(async (near) => {
    const server = Sockets.start(near);
    const { port } = await server.listen('::');
    await withAgent(watching(near, '--events', 'close,failed,dns'), async (agent) => {
      const [one, other] = [0, 1].map(() => Resolver.startSeeing(near, '/etc/resolv.conf', file)) as [
        Resolver,
        Resolver,
      ];
      const wanted = new Map<unknown, string>();
      const dial = async (who: Resolver, address: string, name: string) =>
        wanted.set(await who.do('dial', address, `${port}`), name);
      t.is(await one.do('lookup', 'WWW.example'), '127.1.0.2');
      t.is(await other.do('lookup', 'edge.cdn.example'), '127.1.0.2');
      await dial(one, '127.1.0.2', 'www.example');
      await dial(other, '127.1.0.2', 'edge.cdn.example');
      t.is(await one.do('lookup', 'plain.example'), '127.1.0.1');
      await dial(other, '127.1.0.1', 'plain.example'); // never asked: by its network namespace
      t.is(await one.do('lookup', 'gone.example'), 'ENOTFOUND');
      await agent.waitFor('all ends', (records) => [...wanted.keys()].every((local) => endOf(records, local)));
      await Promise.all([one.end(), other.end()]);
      const records = within(near, (await agent.stop()).records);
      for (const [local, name] of wanted) t.is(attribute(endOf(records, local) as JsonRecord, 'server.address'), name);
      const failed = records.filter((record) => record.event_name === 'sockflow.dns.lookup');
      const askedOf = failed.map((record) => attribute(record, 'network.peer.address'));
      t.deepEqual(askedOf.toSorted(), ['10.0.3.2', '127.0.0.53'], 'the process asks once, and so does the stub');
      const lasted = (address: string) =>
        Number(attribute(failed[askedOf.indexOf(address)] as JsonRecord, 'sockflow.dns.lookup.duration'));
      t.true(lasted('10.0.3.2') > 0);
      t.true(lasted('127.0.0.53') > lasted('10.0.3.2'), 'the process waits for the stub, and that for its server');
    });
    await server.kill();
  });
});

test.serial('names of the hosts file that the process sees; what was asked for by name wins', async (t) => {
  const hosts = join(temporaryDirectory(t), 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n127.1.0.50 Db.Internal db\n127.1.0.1 other.internal # no\n');
  await withNames([], async ({ namespace, agent, port }) => {
    const resolver = Resolver.startSeeing(namespace, '/etc/hosts', hosts);
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

test.serial('with --traces the look-up is a span beside that of the connection which came of it', async (t) => {
  const server = await startOtlpServer({ service: 'traces' });
  t.teardown(() => server.stop());
  const sending = ['--traces', '--no-logs', '--no-metrics', '--otlp-endpoint', server.endpoint];
  await withNames(sending, async ({ namespace, resolver, agent, port }) => {
    await resolver.do('resolve', 'plain.example', 'A');
    // One after the other: it goes to the one that is told first.
    const locals: unknown[] = [];
    for (const _ of [1, 2]) {
      const local = await resolver.do('dial', '127.1.0.1', port);
      await agent.waitFor('its end', (records) => endOf(within(namespace, records), local) !== undefined);
      locals.push(local);
    }
    t.is((await agent.stop()).code, 0);
    const spans = server.accepted
      .flatMap(decodeSpans)
      .flatMap(({ scopes }) => scopes.flatMap(({ items }) => items as DecodedSpan[]));
    const lookups = spans.filter(({ name }) => name === 'dns lookup');
    const [first, second] = locals.map((local) =>
      spans.find(
        ({ kind, attributes }) => kind === 3 && attributes['network.local.port']?.value === BigInt(`${local}`),
      ),
    );
    t.is(lookups.length, 1);
    t.is(lookups[0]?.traceId, first?.traceId);
    t.not(lookups[0]?.traceId, second?.traceId);
    t.is(lookups[0]?.attributes['dns.question.name']?.value, 'plain.example');
    t.true((lookups[0]?.endTime ?? 0n) <= (first?.startTime ?? 0n));
  });
});
