/** A router between two labs that translates both addresses. */
import { type Lab, shell } from './lab.ts';
import type { Namespace } from './netns.ts';

function holder(namespace: Namespace): string {
  return /\/proc\/(\d+)\//.exec(namespace.path)?.[1] ?? '';
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
