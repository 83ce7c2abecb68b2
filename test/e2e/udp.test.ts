import test from 'ava';
import { attribute, type JsonRecord } from '../support/agent.ts';
import { boundDatagramSocket, CLOSED, datagramSocket, described, moved, seen, totals } from '../support/flows.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { books } from '../support/summary.ts';

test.serial('datagrams and bytes are those that the kernel counted, whatever the kind of socket', async (t) => {
  let counted: Awaited<ReturnType<typeof readCounters>> = {};
  const { records, summary } = await seen(t, CLOSED, async ({ namespace, client, server }) => {
    const before = await readCounters(namespace);
    const echo = await boundDatagramSocket(server);
    const one = await datagramSocket(client);
    for (let port = 0; port < 3; port++) {
      const other = await boundDatagramSocket(server);
      await client.do('send-datagrams', one, 20, 100 + port, 0, '127.0.0.1', other.port);
      await server.do('take-datagrams', other.fd, 20, 7);
    }
    await client.do('take-datagrams', one, 60);
    const connected = await datagramSocket(client);
    await client.do('connect', connected, '127.0.0.1', echo.port);
    for (const size of [0, 1, 1472, 20_000, 65_507]) {
      await client.do('send-datagram', connected, size);
      await server.do('take-datagrams', echo.fd, 1, size);
      t.is(await client.do('take-datagrams', connected, 1), size);
    }
    counted = difference(before, await readCounters(namespace));
  });
  const { sentPackets, receivedPackets, sentBytes, receivedBytes } = totals(records);
  t.is(sentPackets, Number(counted['Udp.OutDatagrams']));
  t.is(receivedPackets, Number(counted['Udp.InDatagrams']));
  t.is(sentPackets, 130);
  t.is(sentBytes, receivedBytes);
  t.is(records.length, 8);
  const { opened, closed, live, lost } = books(summary);
  t.deepEqual({ opened, closed, live, lost }, { opened: 8, closed: 8, live: 0, lost: {} });
});

test.serial(
  'both ends of a conversation have one id, their own owner, and who spoke first is the client',
  async (t) => {
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const { records, lab } = await seen(t, CLOSED, async ({ client, server }) => {
        const echo = await boundDatagramSocket(server, address);
        const fd = await datagramSocket(client, address);
        await client.do('send-datagram', fd, 11, address, echo.port);
        await server.do('take-datagrams', echo.fd, 1, 22);
        await client.do('take-datagrams', fd, 1);
      });
      const [first, second] = records;
      t.is(records.length, 2);
      t.is(
        attribute(first as JsonRecord, 'sockflow.connection.id'),
        attribute(second as JsonRecord, 'sockflow.connection.id'),
      );
      const plain = address.replace('::ffff:', '');
      const wanted = { client: [lab.client.pid, '1/11 1/22'], server: [lab.server.pid, '1/22 1/11'] } as const;
      for (const record of records) {
        const role = attribute(record, 'sockflow.connection.role') as 'client' | 'server';
        t.deepEqual([attribute(record, 'process.pid'), moved(record)], wanted[role]);
        t.is(attribute(record, 'network.peer.address'), plain);
        t.is(attribute(record, 'network.local.address'), plain);
        t.is(attribute(record, 'network.type'), plain.includes(':') ? 'ipv6' : 'ipv4');
        t.is(attribute(record, 'network.interface.name'), 'lo');
      }
    }
  },
);

test.serial('a raw socket that sees the datagrams, too, has no conversation', async (t) => {
  const { records } = await seen(t, CLOSED, async ({ client, server }) => {
    const raw = await client.do('datagram-socket', 4, 'raw');
    const sink = await boundDatagramSocket(server);
    const fd = await datagramSocket(client);
    await client.do('send-datagram', fd, 7, '127.0.0.1', sink.port);
    await server.do('take-datagrams', sink.fd, 1);
    await client.do('take-datagrams', raw, 1);
  });
  t.deepEqual(records.map(moved).sort(), ['0/0 1/7', '1/7 0/0']);
});

test.serial('segmented in the kernel: counted as the datagrams that they are', async (t) => {
  const { records } = await seen(t, CLOSED, async ({ client, server }) => {
    const sink = await boundDatagramSocket(server);
    const fd = await datagramSocket(client);
    await client.do('option', fd, 17, 103, 1000); // UDP_SEGMENT
    await client.do('send-datagram', fd, 5500, '127.0.0.1', sink.port);
    await server.do('take-datagrams', sink.fd, 6);
  });
  t.deepEqual(records.map(moved).sort(), ['0/0 6/5500', '6/5500 0/0']);
});

test.serial(
  'a reply from another port is a conversation of the same client; multicast reaches who joined',
  async (t) => {
    const { records } = await seen(t, CLOSED, async ({ client, server, sh }) => {
      const [known, other] = [await boundDatagramSocket(server), await boundDatagramSocket(server)];
      const fd = await datagramSocket(client);
      await client.do('send-datagram', fd, 5, '127.0.0.1', known.port);
      await server.do('take-datagrams', known.fd, 1);
      await server.do('send-datagram', other.fd, 6, '127.0.0.1', await client.do('local-port', fd));
      await client.do('take-datagrams', fd, 1);
      await client.do('close', fd);

      await sh('ip link set lo multicast on; ip route add 239.0.0.0/8 dev lo src 127.0.0.1');
      const member = await boundDatagramSocket(server, '0.0.0.0', 5000);
      await server.do('join', member.fd, '239.1.1.1');
      const speaker = await datagramSocket(client);
      await client.do('send-datagram', speaker, 7, '239.1.1.1', 5000);
      await server.do('take-datagrams', member.fd, 1);
    });
    const text = records.map((record) => described(record).replace(/:\d+$/, ''));
    t.deepEqual(text.sort(), [
      'client closed - 0/0 1/6 127.0.0.1',
      'client closed - 1/5 0/0 127.0.0.1',
      'client closed - 1/6 0/0 127.0.0.1',
      'client closed - 1/7 0/0 239.1.1.1',
      'server closed - 0/0 1/5 127.0.0.1',
      'server closed - 0/0 1/7 127.0.0.1',
    ]);
    const group = records.filter((record) => /1\/7/.test(moved(record)));
    t.is(new Set(group.map((record) => attribute(record, 'sockflow.connection.id'))).size, 1);
  },
);

test.serial('refused by ICMP: an error, on the conversation that it belongs to', async (t) => {
  const { records } = await seen(t, CLOSED, async ({ client }) => {
    for (const address of ['127.0.0.1', '::1']) {
      const fd = await datagramSocket(client, address);
      await client.do('connect', fd, address, 9);
      await client.do('send-datagram', fd, 3);
      await client.errno('take-datagrams', fd, 1);
    }
  });
  t.deepEqual(records.map(described).sort(), [
    'client closed connection_refused 1/3 0/0 127.0.0.1:9',
    'client closed connection_refused 1/3 0/0 ::1:9',
  ]);
  t.true(records.every((record) => record.severity_number === 13));
});

test.serial('QUIC is recognised by what is said, not by the port', async (t) => {
  const { records } = await seen(t, CLOSED, async ({ client, server }) => {
    const sink = await boundDatagramSocket(server);
    for (const [begin, size] of [
      ['c000000001', 1200],
      ['c06b3343cf', 1300],
      ['c000000001', 1199],
      ['c0000000ff', 1200],
      ['4000000001', 1200],
    ] as const) {
      const fd = await datagramSocket(client);
      await client.do('connect', fd, '127.0.0.1', sink.port);
      await client.do('send-hex', fd, size, begin);
      await server.do('take-datagrams', sink.fd, 1);
    }
  });
  const quic = records.filter((record) => attribute(record, 'network.protocol.name') === 'quic');
  t.deepEqual(quic.map(moved).sort(), ['0/0 1/1200', '0/0 1/1300', '1/1200 0/0', '1/1300 0/0']);
});

test.serial('the owner is who uses the socket: inherited, passed on, and older than the agent', async (t) => {
  const pids: Record<string, number> = {};
  let old = { server: 0, client: 0, port: 0 };
  const { records } = await seen(
    t,
    CLOSED,
    async ({ client, server }) => {
      const passed = await boundDatagramSocket(server);
      const channel = await client.do('meet', 'here');
      await server.do('give', passed.fd, 'here');
      const taken = await client.do('take', channel);
      await server.do('close', passed.fd);
      const fd = await datagramSocket(server);
      await server.do('send-datagram', fd, 1, '127.0.0.1', passed.port);
      await client.do('take-datagrams', taken, 1, 2);
      pids.passed = client.pid;
      await client.do('send-datagram', old.client, 3, '127.0.0.1', old.port);
      await server.do('take-datagrams', old.server, 1, 4);
    },
    async ({ client, server }) => {
      const bound = await boundDatagramSocket(server);
      old = { server: bound.fd, client: await datagramSocket(client), port: bound.port };
    },
  );
  const of = (what: string) => records.find((record) => moved(record) === what) as JsonRecord;
  t.is(attribute(of('1/2 1/1'), 'process.pid'), pids.passed);
  t.is(attribute(of('1/4 1/3'), 'sockflow.connection.role'), 'server');
  t.is(attribute(of('1/3 1/4'), 'sockflow.connection.role'), 'client');
});

test.serial('-t sees no datagram, -u no connection', async (t) => {
  for (const [flag, wanted] of [
    ['-t', ['tcp', 'tcp']],
    ['-u', ['udp', 'udp']],
  ] as const) {
    const { all } = await seen(t, [...CLOSED, flag], async ({ client, server }) => {
      const sink = await boundDatagramSocket(server);
      const fd = await datagramSocket(client);
      await client.do('send-datagram', fd, 1, '127.0.0.1', sink.port);
      await server.do('take-datagrams', sink.fd, 1);
      const listener = await server.listen();
      const connection = await client.connect('127.0.0.1', listener.port);
      await server.do('close', await server.do('accept', listener.fd));
      await client.do('close', connection);
    });
    t.deepEqual(
      all.map((record) => attribute(record, 'network.transport')),
      wanted,
    );
  }
});

test.serial('-i: conversations that the peer began; -o: those begun here', async (t) => {
  for (const [flag, role] of [
    ['-i', 'server'],
    ['-o', 'client'],
  ] as const) {
    const { all } = await seen(t, ['-u', flag], async ({ client, server }) => {
      const sink = await boundDatagramSocket(server);
      const fd = await datagramSocket(client);
      await client.do('send-datagram', fd, 1, '127.0.0.1', sink.port);
      await server.do('take-datagrams', sink.fd, 1);
    });
    t.deepEqual(
      all.map((record) => attribute(record, 'sockflow.connection.role')),
      [role],
    );
  }
});
