import test from 'ava';
import { createNetworkNames, type NamedNetwork, parseNetwork } from '../../../src/enrich/networks.ts';

function named(names: Record<string, string>): NamedNetwork[] {
  return Object.entries(names).map(([cidr, name]) => ({ ...parse(cidr), name }));
}

function parse(cidr: string) {
  const network = parseNetwork(cidr);
  if (!network) throw new Error(cidr);
  return network;
}

test('the smallest network that an address is in gives the name, in whatever order they were typed', (t) => {
  const nameOf = createNetworkNames(
    named({
      '10.1.0.0/16': 'plant',
      '0.0.0.0/0': 'world',
      '10.0.0.0/8': 'corp',
      '10.1.2.3': 'press',
      '10.1.2.0/24': 'hall',
    }),
  );
  t.deepEqual(
    ['10.1.2.3', '10.1.2.4', '10.1.3.1', '10.2.0.1', '11.0.0.1'].map((address) => nameOf(address, 'ipv4')),
    ['press', 'hall', 'plant', 'corp', 'world'],
  );
});

test('of the same network the last name counts', (t) => {
  const networks = [...named({ '10.0.0.0/8': 'old' }), ...named({ '10.0.0.0/8': 'new' })];
  t.is(createNetworkNames(networks)('10.9.9.9', 'ipv4'), 'new');
});

test('IPv4 and IPv6 are worlds apart', (t) => {
  const nameOf = createNetworkNames(named({ '::/0': 'six', '2001:db8::/32': 'lab', '10.0.0.0/8': 'corp' }));
  t.is(nameOf('2001:db8:7::1', 'ipv6'), 'lab');
  t.is(nameOf('2001:db9::1', 'ipv6'), 'six');
  t.is(nameOf('10.0.0.1', 'ipv4'), 'corp');
  t.is(nameOf('192.0.2.1', 'ipv4'), undefined);
});

test('what is no network is not understood', (t) => {
  for (const text of [
    '',
    '10',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '010.0.0.1',
    '::/129',
    'corp',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/104',
    '10.0.0.0/8/8',
  ])
    t.is(parseNetwork(text), undefined, text);
  t.deepEqual(parseNetwork('192.0.2.7'), { family: 'ipv4', address: '192.0.2.7', length: 32 });
  t.deepEqual(parseNetwork('2001:db8::1'), { family: 'ipv6', address: '2001:db8::1', length: 128 });
});
