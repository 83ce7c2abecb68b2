/** The user's own names for networks (`--cidr-name`): which one an address belongs to. */
import { BlockList, isIP } from 'node:net';

export interface NamedNetwork {
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
  /** Bits that all of its addresses share. */
  readonly length: number;
  readonly name: string;
}

/** Name of the smallest network that an address is in; of equal ones the last. */
export function createNetworkNames(
  networks: readonly NamedNetwork[],
): (address: string, family: 'ipv4' | 'ipv6') => string | undefined {
  const smallestFirst = networks
    .toReversed()
    .sort((one, other) => other.length - one.length)
    .map((network) => ({ ...network, addresses: addressesOf(network) }));
  return (address, family) =>
    smallestFirst.find((network) => network.family === family && network.addresses.check(address, family))?.name;
}

function addressesOf({ family, address, length }: NamedNetwork): BlockList {
  const list = new BlockList();
  list.addSubnet(address, length, family);
  return list;
}

/** `10.0.0.0/8`, `2001:db8::/32`; an address alone is a network of one. Undefined: it is neither. */
export function parseNetwork(cidr: string): Omit<NamedNetwork, 'name'> | undefined {
  const [, address = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? [];
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const length = bits === undefined ? longest : Number(bits);
  // Records show IPv4 addresses that are mapped to IPv6 as IPv4: a network of those would never match.
  if (version === 0 || length > longest || /^::ffff:/i.test(address)) return undefined;
  return { family: version === 4 ? 'ipv4' : 'ipv6', address, length };
}
