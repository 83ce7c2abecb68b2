/**
 * Each row of the table in docs/outcomes.md, by what the kernel really does. An expectation is `role event reason error
 * sent/received`; one agent watches all tests, and the last one asserts that it said no more than what they waited for.
 */
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, startAgent } from '../support/agent.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { createLab, endsAfter, type Lab, outcome, payload, shell } from '../support/lab.ts';
import { Namespace } from '../support/netns.ts';
import { connected, option, READABLE, SO_ERROR, type Sockets } from '../support/sockets.ts';

let namespace: Namespace;
let agent: Agent;
/** Ends that the tests so far have waited for. */
let waitedFor = 0;

test.before(async () => {
  namespace = await Namespace.create();
  agent = await startAgent(['--format', 'json', '--network-namespace', `${namespace.inode}`]);
});

test.after.always(async () => {
  await agent?.stop('SIGKILL');
  await namespace?.close();
});

const { ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EACCES, EINVAL, ECONNRESET, EINPROGRESS } = {
  ECONNREFUSED: 111,
  ETIMEDOUT: 110,
  EHOSTUNREACH: 113,
  ENETUNREACH: 101,
  EADDRNOTAVAIL: 99,
  EACCES: 13,
  EINVAL: 22,
  ECONNRESET: 104,
  EINPROGRESS: 115,
};
const SHUT_WR = 1;
const SHUT_RDWR = 2;

/** What the records must say: whose they are follows from the role. */
async function expectEnds(t: ExecutionContext, lab: Lab, wanted: readonly string[]): Promise<void> {
  const before = waitedFor;
  waitedFor += wanted.length;
  const records = await endsAfter(agent, namespace, before, wanted.length);
  t.deepEqual(records.map((record) => `${outcome(record)} ${payload(record)}`).sort(), [...wanted].sort());
  for (const record of records) {
    const isClient = attribute(record, 'sockflow.connection.role') === 'client';
    t.is(attribute(record, 'process.pid'), isClient ? lab.client.pid : lab.server.pid);
    t.is(attribute(record, 'process.executable.path'), isClient ? lab.clientFile : lab.serverFile);
  }
}

/** Waits for the first ends that a test causes. */
function theEnd(count = 1): Promise<void> {
  return agent.waitForEnds(namespace, waitedFor + count);
}

type Scenario = (lab: Lab, address: string, t: ExecutionContext) => Promise<string[]>;

/** A test of what happens over both families, or over one where the other could not differ. */
function cause(title: string, scenario: Scenario, families: readonly ('IPv4' | 'IPv6')[] = ['IPv4']): void {
  for (const family of families)
    test.serial(families.length > 1 ? `${title} (${family})` : title, async (t) => {
      const lab = await createLab(t, namespace);
      t.teardown(() => lab.reset());
      await expectEnds(t, lab, await scenario(lab, family === 'IPv4' ? '127.0.0.1' : '::1', t));
    });
}

const both = ['IPv4', 'IPv6'] as const;

// ---------------------------------------------------------------- orderly ends

cause(
  'the client closes first: fin_local for it, fin_remote for the server',
  async ({ client, server }, address) => {
    const pair = await connected(client, server, address);
    await client.do('send', pair.client, 10);
    await client.do('close', pair.client);
    await server.do('drain', pair.server);
    await server.do('close', pair.server);
    return ['client close fin_local - 10/0', 'server close fin_remote - 0/10'];
  },
  both,
);

cause(
  'the server closes first: fin_local for it, fin_remote for the client',
  async ({ client, server }, address) => {
    const pair = await connected(client, server, address);
    await server.do('send', pair.server, 10);
    await server.do('close', pair.server);
    await client.do('drain', pair.client);
    await client.do('close', pair.client);
    return ['client close fin_remote - 0/10', 'server close fin_local - 10/0'];
  },
  both,
);

cause('both close at once, their FINs crossing: fin_local for both', async (lab) => {
  const pair = await connected(lab.client, lab.server);
  await lab.drop();
  await lab.client.do('shutdown', pair.client, SHUT_WR);
  await lab.server.do('shutdown', pair.server, SHUT_WR);
  await lab.pass();
  await lab.client.do('drain', pair.client);
  await lab.server.do('drain', pair.server);
  return ['client close fin_local - 0/0', 'server close fin_local - 0/0'];
});

cause('one direction is closed and the other goes on: later data counts', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 100);
  await client.do('shutdown', pair.client, SHUT_WR);
  await server.do('drain', pair.server);
  await server.do('send', pair.server, 300_000);
  await server.do('close', pair.server);
  await client.do('drain', pair.client);
  await client.do('close', pair.client);
  return ['client close fin_local - 100/300000', 'server close fin_remote - 300000/100'];
});

cause('a process is killed with an open connection: its kernel closes for it', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 10);
  await client.kill();
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
  return ['client close fin_local - 10/0', 'server close fin_remote - 0/10'];
});

cause('a server is killed before it used what it accepted: it is named all the same', async ({ client, server }) => {
  const pair = await connected(client, server);
  await server.kill();
  await client.do('drain', pair.client);
  await client.do('close', pair.client);
  return ['client close fin_remote - 0/0', 'server close fin_local - 0/0'];
});

// ---------------------------------------------------------------- resets

cause(
  'SO_LINGER 0: reset_local for who closes, reset_remote for its peer',
  async ({ client, server }, address, t) => {
    const pair = await connected(client, server, address);
    await client.do('send', pair.client, 700);
    await server.do('receive', pair.server, 700);
    await client.do('linger', pair.client, 0);
    await client.do('close', pair.client);
    t.is(await server.errno('receive', pair.server, 1), ECONNRESET);
    return ['client close reset_local connection_reset 700/0', 'server close reset_remote connection_reset 0/700'];
  },
  both,
);

cause('closed with unread data: reset_local for who closes, reset_remote for its peer', async (lab, _, t) => {
  const { client, server } = lab;
  const pair = await connected(client, server);
  await client.do('send', pair.client, 40);
  await server.do('receive', pair.server, 40);
  await server.do('send', pair.server, 3000);
  t.is((await client.do('poll', pair.client, READABLE)) & READABLE, READABLE);
  await client.do('close', pair.client);
  t.is(await server.errno('receive', pair.server, 1), ECONNRESET);
  return ['client close reset_local connection_reset 40/3000', 'server close reset_remote connection_reset 3000/40'];
});

cause('a process is killed with unread data: the same', async ({ client, server }) => {
  const pair = await connected(client, server);
  await server.do('send', pair.server, 30);
  await client.do('poll', pair.client, READABLE);
  await client.kill();
  return ['client close reset_local connection_reset 0/30', 'server close reset_remote connection_reset 30/0'];
});

cause('the peer answers with a reset after its FIN: reset_remote', async ({ client, server }, _, t) => {
  const pair = await connected(client, server);
  await client.do('close', pair.client);
  await server.do('send', pair.server, 10);
  t.is((await server.ask('send', pair.server, 1)).error, 32 /* EPIPE */);
  return ['client close fin_local - 0/0', 'server close reset_remote connection_reset 10/0'];
});

cause("dropped after the peer's FIN: reset_local, and nobody is hurt by it", async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 20);
  await client.do('close', pair.client);
  await theEnd(); // of the client, once its FIN is acknowledged
  await server.do('close', pair.server); // 20 bytes are unread
  return ['client close fin_local - 20/0', 'server close reset_local - 0/20'];
});

cause('a listener closes with connections that nobody accepted: reset_local', async ({ client, server }, _, t) => {
  const listener = await server.listen();
  const fd = await client.connect('127.0.0.1', listener.port);
  await client.do('send', fd, 5);
  await server.do('close', listener.fd);
  t.is(await client.errno('receive', fd, 1), ECONNRESET);
  return ['client close reset_remote connection_reset 5/0', 'server close reset_local connection_reset 0/5'];
});

cause('disconnected by connect(AF_UNSPEC), then connected again: two connections', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 11);
  await server.do('receive', pair.server, 11);
  await client.do('disconnect', pair.client);
  await client.do('connect', pair.client, '127.0.0.1', pair.port);
  const second = await server.do('accept', pair.listener);
  await client.do('send', pair.client, 22);
  await client.do('close', pair.client);
  await server.do('drain', second);
  await server.do('close', second);
  return [
    'client close reset_local connection_reset 11/0',
    'server close reset_remote connection_reset 0/11',
    'client close fin_local - 22/0',
    'server close fin_remote - 0/22',
  ];
});

cause('a full queue that aborts on overflow: the client is reset, the server never knew', async (lab, _, t) => {
  const { client, server } = lab;
  await lab.sh('sysctl -q net.ipv4.tcp_abort_on_overflow=1');
  const { fd: listener, port } = await server.listen('127.0.0.1', 1);
  // The last ACK of this handshake comes when two others have taken the room.
  const late = await client.socket();
  await client.do('bind', late, '127.0.0.1', 0);
  await lab.drop(`tcp sport ${await client.do('local-port', late)} tcp flags '& (syn|ack) == ack'`);
  await client.do('connect', late, '127.0.0.1', port);
  const others = [await client.connect('127.0.0.1', port), await client.connect('127.0.0.1', port)];
  await lab.pass();
  const before = await readCounters(namespace);
  await client.do('send', late, 2);
  t.is(await client.errno('receive', late, 1), ECONNRESET);
  t.is(difference(before, await readCounters(namespace))['TcpExt.ListenOverflows'], 1);
  for (const fd of others) {
    await client.do('close', fd);
    await server.do('close', await server.do('accept', listener));
  }
  return [
    'client close reset_remote connection_reset 2/0',
    ...others.flatMap(() => ['client close fin_local - 0/0', 'server close fin_remote - 0/0']),
  ];
});

// ---------------------------------------------------------------- nobody answers any more

/** The end that still believes in the connection learns of its end by a reset. */
async function awaken(lab: Lab, fd: number): Promise<void> {
  await lab.pass();
  await lab.server.do('send', fd, 1);
  await lab.server.do('poll', fd, READABLE);
  await lab.server.do('close', fd);
}

cause('keepalive finds nobody: timeout', async (lab, _, t) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('option', pair.client, ...option.keepIdle, 1);
  await lab.client.do('option', pair.client, ...option.keepInterval, 1);
  await lab.client.do('option', pair.client, ...option.keepCount, 1);
  await lab.client.do('option', pair.client, ...option.keepalive, 1);
  await lab.drop();
  t.is(await lab.client.errno('receive', pair.client, 1), ETIMEDOUT);
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 0/0', 'server close reset_remote connection_reset 1/0'];
});

cause('data is not acknowledged within TCP_USER_TIMEOUT: timeout', async (lab, _, t) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('option', pair.client, ...option.userTimeout, 300);
  await lab.drop();
  await lab.client.do('send', pair.client, 40);
  t.is(await lab.client.errno('receive', pair.client, 1), ETIMEDOUT);
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 40/0', 'server close reset_remote connection_reset 1/0'];
});

cause('an orphaned socket gives up: timeout, of the process that has gone', async (lab) => {
  await lab.sh('sysctl -q net.ipv4.tcp_orphan_retries=1');
  const pair = await connected(lab.client, lab.server);
  await lab.drop();
  await lab.client.do('send', pair.client, 40);
  await lab.client.exit();
  await theEnd();
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 40/0', 'server close reset_remote connection_reset 1/0'];
});

cause('an orphaned socket whose peer resets it: reset_remote, of the process that has gone', async (lab) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('send', pair.client, 40);
  await lab.drop();
  await lab.client.exit(); // its FIN gets lost
  await lab.server.do('linger', pair.server, 0);
  await lab.server.do('close', pair.server); // its reset, too
  await lab.pass(); // the FIN comes again, to nobody
  return ['client close reset_remote connection_reset 40/0', 'server close reset_local connection_reset 0/40'];
});

cause('no answer to the SYN: failed by timeout', async (lab, _, t) => {
  await lab.drop();
  const fd = await lab.client.socket();
  await lab.client.do('option', fd, ...option.synCount, 1);
  t.is(await lab.client.errno('connect', fd, '127.0.0.1', 9), ETIMEDOUT);
  return ['client failed timeout timed_out 0/0'];
});

cause('the listener has no room: failed by timeout, and no server end', async ({ client, server }, _, t) => {
  const listener = await server.listen('127.0.0.1', 0);
  const first = await client.connect('127.0.0.1', listener.port);
  const second = await client.socket();
  await client.do('option', second, ...option.userTimeout, 100);
  t.is(await client.errno('connect', second, '127.0.0.1', listener.port), ETIMEDOUT);
  await client.do('close', first);
  await theEnd(2); // of both, before the listener drops what it has not accepted
  await server.do('close', listener.fd);
  return ['client close fin_local - 0/0', 'client failed timeout timed_out 0/0', 'server close reset_local - 0/0'];
});

// ---------------------------------------------------------------- refused

/** A port that is taken, so that nobody else listens there, either. */
async function closedPort(server: Sockets, address: string): Promise<number> {
  const fd = await server.socket(address);
  await server.do('bind', fd, address, 0);
  return server.do('local-port', fd);
}

cause(
  'nobody listens: refused',
  async ({ client, server }, address, t) => {
    const port = await closedPort(server, address);
    const fd = await client.socket(address);
    t.is(await client.errno('connect', fd, address, port), ECONNREFUSED);
    return ['client failed refused connection_refused 0/0'];
  },
  both,
);

/** Rejected by a packet filter with an ICMP message, which arrives while connect still holds the socket. */
async function rejecting(lab: Lab, address: string): Promise<number> {
  const port = await closedPort(lab.server, address);
  const iptables = address === '::1' ? 'ip6tables' : 'iptables';
  await lab.sh(`${iptables} -A INPUT -p tcp --dport ${port} -j REJECT`);
  return port;
}

cause(
  'a packet filter rejects with an ICMP message: refused',
  async (lab, address, t) => {
    const port = await rejecting(lab, address);
    const fd = await lab.client.socket(address);
    t.is(await lab.client.errno('connect', fd, address, port), ECONNREFUSED);
    return ['client failed refused connection_refused 0/0'];
  },
  both,
);

cause('the same, and the program takes the error by SO_ERROR before it closes: refused', async (lab, address, t) => {
  const port = await rejecting(lab, address);
  const fd = await lab.client.socket(address, { nonblocking: true });
  t.is(await lab.client.errno('connect', fd, address, port), EINPROGRESS);
  t.is(await lab.client.do('get-option', fd, ...SO_ERROR), ECONNREFUSED);
  await lab.client.do('close', fd);
  return ['client failed refused connection_refused 0/0'];
});

// ---------------------------------------------------------------- unreachable

/** The lab's way out leads to a router that knows more or less of where to go. */
async function routed(t: ExecutionContext, lab: Lab, routes: string): Promise<void> {
  const router = await Namespace.create();
  t.teardown(() => router.close());
  const pid = /\/proc\/(\d+)\//.exec(router.path)?.[1];
  await lab.sh(`ip link add out type veth peer name in netns ${pid}
ip link set out up
ip address add 10.0.0.1/24 dev out
ip -6 address add fd00::1/64 dev out nodad`);
  await shell(
    router,
    `sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link set in up
ip address add 10.0.0.2/24 dev in
ip -6 address add fd00::2/64 dev in nodad
${routes}`,
  );
  await lab.sh('ip route add default via 10.0.0.2; ip -6 route add default via fd00::2');
}

interface Told {
  how: string;
  route: string;
  /** Of the destination. */
  address: string;
  error: number;
  wanted: string;
}

const told: readonly Told[] = [
  {
    how: 'it knows no such network',
    route: '',
    address: '10.9.0.1',
    error: ENETUNREACH,
    wanted: 'network_unreachable',
  },
  {
    how: 'the host does not answer',
    route: 'ip route add unreachable 10.9.0.0/24',
    address: '10.9.0.1',
    error: EHOSTUNREACH,
    wanted: 'host_unreachable',
  },
  {
    how: 'it is forbidden',
    route: 'ip route add prohibit 10.9.0.0/24',
    address: '10.9.0.1',
    error: EHOSTUNREACH,
    wanted: 'host_unreachable',
  },
  {
    how: 'it knows no such network, over IPv6',
    route: '',
    address: 'fd09::1',
    error: ENETUNREACH,
    wanted: 'network_unreachable',
  },
  {
    how: 'the host does not answer, over IPv6',
    route: 'ip -6 route add fd09::/64 dev in\nip6tables -A FORWARD -j REJECT --reject-with icmp6-addr-unreachable',
    address: 'fd09::1',
    error: EHOSTUNREACH,
    wanted: 'host_unreachable',
  },
];

for (const { how, route, address, error, wanted } of told)
  cause(`a router says that ${how}: unreachable`, async (lab, _, t) => {
    await routed(t, lab, route);
    const fd = await lab.client.socket(address);
    t.is(await lab.client.errno('connect', fd, address, 80), error);
    return [`client failed unreachable ${wanted} 0/0`];
  });

const unroutable: readonly Told[] = [
  { how: 'there is no route', route: '', address: '10.9.0.1', error: ENETUNREACH, wanted: 'network_unreachable' },
  {
    how: 'the route says unreachable',
    route: 'ip route add unreachable 10.9.0.0/24',
    address: '10.9.0.1',
    error: EHOSTUNREACH,
    wanted: 'host_unreachable',
  },
  {
    how: 'the route says prohibit',
    route: 'ip route add prohibit 10.9.0.0/24',
    address: '10.9.0.1',
    error: EACCES,
    wanted: 'permission_denied',
  },
  {
    how: 'the route is a black hole',
    route: 'ip route add blackhole 10.9.0.0/24',
    address: '10.9.0.1',
    error: EINVAL,
    wanted: '_OTHER',
  },
  {
    how: 'there is no route, over IPv6',
    route: '',
    address: 'fd09::1',
    error: ENETUNREACH,
    wanted: 'network_unreachable',
  },
  {
    how: 'the route says unreachable, over IPv6',
    route: 'ip -6 route add unreachable fd09::/64',
    address: 'fd09::1',
    error: EHOSTUNREACH,
    wanted: 'host_unreachable',
  },
  {
    how: 'the route says prohibit, over IPv6',
    route: 'ip -6 route add prohibit fd09::/64',
    address: 'fd09::1',
    error: EACCES,
    wanted: 'permission_denied',
  },
];

for (const { how, route, address, error, wanted } of unroutable)
  cause(`no SYN is sent because ${how}: failed as unreachable`, async (lab, _, t) => {
    if (route) await lab.sh(route);
    const fd = await lab.client.socket(address);
    t.is(await lab.client.errno('connect', fd, address, 80), error);
    await lab.client.do('close', fd);
    return [`client failed unreachable ${wanted} 0/0`];
  });

cause('no SYN is sent, twice, on one socket that connects at last: two failures and a connection', async (lab) => {
  const { client, server } = lab;
  const listener = await server.listen();
  const fd = await client.socket();
  await client.errno('connect', fd, '10.9.0.1', 80);
  await client.errno('connect', fd, '10.9.0.1', 80);
  await client.do('connect', fd, '127.0.0.1', listener.port);
  await client.do('close', fd);
  const accepted = await server.do('accept', listener.fd);
  await server.do('drain', accepted);
  await server.do('close', accepted);
  return [
    'client failed unreachable network_unreachable 0/0',
    'client failed unreachable network_unreachable 0/0',
    'client close fin_local - 0/0',
    'server close fin_remote - 0/0',
  ];
});

cause('no local port is left: failed as address_not_available', async (lab, _, t) => {
  const { client, server } = lab;
  const listener = await server.listen();
  await lab.sh('sysctl -q net.ipv4.ip_local_port_range="40000 40000"');
  const first = await client.connect('127.0.0.1', listener.port);
  const second = await client.socket();
  t.is(await client.errno('connect', second, '127.0.0.1', listener.port), EADDRNOTAVAIL);
  await client.do('close', first);
  const accepted = await server.do('accept', listener.fd);
  await server.do('drain', accepted);
  await server.do('close', accepted);
  return [
    'client failed unreachable address_not_available 0/0',
    'client close fin_local - 0/0',
    'server close fin_remote - 0/0',
  ];
});

// ---------------------------------------------------------------- cancelled

/** A connect that goes on for as long as the test wants. */
async function connecting(lab: Lab): Promise<number> {
  await lab.drop();
  const fd = await lab.client.socket('127.0.0.1', { nonblocking: true });
  await lab.client.errno('connect', fd, '127.0.0.1', 9);
  return fd;
}

cause('a connect is given up by close: cancelled', async (lab) => {
  await lab.client.do('close', await connecting(lab));
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up because the process is killed: cancelled', async (lab) => {
  await connecting(lab);
  await lab.client.kill();
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up by shutdown: cancelled', async (lab) => {
  await lab.client.do('shutdown', await connecting(lab), SHUT_RDWR);
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up by connect(AF_UNSPEC): cancelled', async (lab) => {
  await lab.client.do('disconnect', await connecting(lab));
  return ['client close cancelled - 0/0'];
});

// ---------------------------------------------------------------- and no more than that

test.serial('nothing else was said', async (t) => {
  const { records, code, summary } = await agent.stop();
  t.is(code, 0);
  t.regex(summary, /lost 0$/);
  t.is(ends(records).length, waitedFor);
});
