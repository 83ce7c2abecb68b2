import test from 'ava';
import { isLocal, parseHosts } from '../../../src/dns/hosts.ts';

test('the first name of an address that says something; the first line of it counts', (t) => {
  const table = parseHosts(`127.0.0.1 localhost localhost.localdomain
::1	ip6-localhost ip6-loopback localhost
127.0.1.1 localhost Box.Example. box
10.0.0.1  db.internal db # primary
10.0.0.1  other
2001:DB8:0:0::1 six
::ffff:10.0.0.2 mapped
fe80::1%eth0 linklocal
# 10.0.0.3 no
10.0.0 no
10.0.0.4`);
  t.deepEqual(
    [...table],
    [
      ['127.0.1.1', 'box.example'],
      ['10.0.0.1', 'db.internal'],
      ['2001:db8::1', 'six'],
      ['10.0.0.2', 'mapped'],
    ],
  );
});

const mounts = (...lines: readonly (readonly [string, string])[]) =>
  lines.map(([place, type]) => `1 2 0:3 / ${place} rw,relatime shared:1 - ${type} source rw`).join('\n');

test('only file systems of the kernel itself are read', (t) => {
  t.true(isLocal(mounts(['/', 'overlay'], ['/etc/hosts', 'ext4'])));
  t.false(isLocal(mounts(['/', 'overlay'], ['/etc/hosts', 'fuse.evil'])));
  t.false(isLocal(mounts(['/', 'overlay'], ['/etc', 'nfs4'])));
  t.false(isLocal(mounts(['/', '9p'])));
  t.false(isLocal(mounts(['/', 'ext4'], ['/', 'fuse'])));
  t.true(isLocal(mounts(['/', 'ext4'], ['/home', 'fuse'])));
});
