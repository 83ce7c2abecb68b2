/** Cables between network namespaces, and a router that translates addresses. */
import { type Lab, shell } from './lab.ts';
import type { Namespace } from './netns.ts';

function holder(namespace: Namespace): string {
  return /\/proc\/(\d+)\//.exec(namespace.path)?.[1] ?? '';
}

/** `one` is 10.0.3.1, `other` is 10.0.3.2. */
export async function joinByCable(one: Namespace, other: Namespace): Promise<void> {
  await shell(
    one,
    `ip link add cable type veth peer name cable netns ${holder(other)}
ip address add 10.0.3.1/24 dev cable
ip link set cable up`,
  );
  await shell(other, 'ip address add 10.0.3.2/24 dev cable; ip link set cable up');
}

/**
 * `near` (10.0.1.2, interface `out`) reaches `far` (10.0.2.2) under the address 10.9.9.9; port 80 is 8080 there, and the far
 * end sees 10.0.2.1.
 */
export async function joinByRouter(near: Lab, router: Namespace, far: Lab): Promise<void> {
  await shell(
    router,
    `sysctl -q net.ipv4.ip_forward=1
ip link add near type veth peer name out netns ${holder(near.namespace)}
ip link add far type veth peer name out netns ${holder(far.namespace)}
ip address add 10.0.1.1/24 dev near
ip address add 10.0.2.1/24 dev far
ip link set near up
ip link set far up
nft add table ip nat
nft add chain ip nat pre '{ type nat hook prerouting priority dstnat; }'
nft add chain ip nat post '{ type nat hook postrouting priority srcnat; }'
nft add rule ip nat pre ip daddr 10.9.9.9 tcp dport 80 dnat to 10.0.2.2:8080
nft add rule ip nat post oifname far masquerade fully-random`,
  );
  await near.sh('ip address add 10.0.1.2/24 dev out; ip link set out up; ip route add default via 10.0.1.1');
  await far.sh('ip address add 10.0.2.2/24 dev out; ip link set out up');
}

/** Connections of `near` to `far`, one after the other; the first sends a byte, each further one a byte more. */
export async function talkByRouter(near: Lab, far: Lab, connections: number): Promise<void> {
  const listener = await far.server.listen('10.0.2.2', 128, 0, 8080);
  for (let i = 0; i < connections; i++) {
    const fd = await near.client.connect('10.9.9.9', 80);
    const accepted = await far.server.do('accept', listener.fd);
    await near.client.do('send', fd, 1 + i);
    await near.client.do('close', fd);
    await far.server.do('drain', accepted);
    await far.server.do('close', accepted);
  }
  await far.server.do('close', listener.fd);
}
