/** Connects in docs/outcomes.md that are refused, or that lead nowhere. */
import type { ExecutionContext } from 'ava';
import { type Lab, shell } from '../support/lab.ts';
import { Namespace } from '../support/netns.ts';
import { both, cause, errno, nothingElse } from '../support/outcomes.ts';
import { option, SO_ERROR, type Sockets } from '../support/sockets.ts';

const { EACCES, EADDRNOTAVAIL, ECONNREFUSED, EHOSTUNREACH, EINPROGRESS, EINVAL, ENETUNREACH } = errno;

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

/** A socket whose address others may share. */
async function sharing(client: Sockets, address: string, port: number): Promise<number> {
  const fd = await client.socket(address);
  await client.do('option', fd, ...option.reuseAddress, 1);
  await client.do('bind', fd, address, port);
  return fd;
}

cause(
  'both addresses are those of another connection: failed as address_not_available',
  async ({ client, server }, address, t) => {
    const listener = await server.listen(address);
    const first = await sharing(client, address, 0);
    await client.do('connect', first, address, listener.port);
    const second = await sharing(client, address, await client.do('local-port', first));
    t.is(await client.errno('connect', second, address, listener.port), EADDRNOTAVAIL);
    await client.do('close', first);
    const accepted = await server.do('accept', listener.fd);
    await server.do('drain', accepted);
    await server.do('close', accepted);
    return [
      'client failed unreachable address_not_available 0/0',
      'client close fin_local - 0/0',
      'server close fin_remote - 0/0',
    ];
  },
  both,
);

nothingElse();
