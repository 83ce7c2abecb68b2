import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { directFiles } from '../../../src/capture/process-files.ts';
import { createHosts, isLocal, parseHosts } from '../../../src/dns/hosts.ts';
import { createFakeProc } from '../../support/fake-proc.ts';

test('the first name of an address that says something; the first line of it counts', (t) => {
  const table = parseHosts(`127.0.0.1 localhost localhost.localdomain
::1	ip6-localhost ip6-loopback localhost
127.0.1.1 Box.Example. box
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

const own: readonly (readonly [
  what: string,
  hostname: string,
  hosts: string,
  found: Readonly<Record<string, string>>,
])[] = [
  ['Debian', 'box\n', '127.0.0.1 localhost\n127.0.1.1 box.home.example box\n10.0.0.1 db', { '10.0.0.1': 'db' }],
  [
    'a name with its domain',
    'box.example\n',
    '127.0.1.1 Box.Example. box\n10.0.0.1 box2.example',
    { '10.0.0.1': 'box2.example' },
  ],
  ['Docker', '3f2a9c\n', '127.0.0.1\tlocalhost\n172.17.0.2\t3f2a9c\n172.17.0.3\tweb', { '172.17.0.3': 'web' }],
  ['a name beside its own', '3f2a9c\n', '10.88.0.3 3f2a9c friendly', { '10.88.0.3': 'friendly' }],
  ['Red Hat', '', '127.0.0.1 localhost localhost.localdomain localhost4 localhost4.localdomain4', {}],
  ['what set-up programs add', 'vm\n', '127.0.0.1 runsc\n127.0.0.1 localhost\n127.0.0.1 api.local', {}],
  ['::1', 'vm\n', '::1 ip6-localhost ip6-loopback thing', {}],
  ['a developer', 'laptop\n', '127.0.0.1 api.local\n127.0.0.2 localhost', { '127.0.0.1': 'api.local' }],
  ['a host whose name begins like its own', 'web\n', '10.0.0.1 web-db web.example', { '10.0.0.1': 'web-db' }],
  ['no name', '\n', '10.0.0.1 db', { '10.0.0.1': 'db' }],
];
for (const [what, hostname, hosts, found] of own) {
  test(`what the host calls itself is no name of a peer: ${what}`, (t) => {
    t.deepEqual(Object.fromEntries(parseHosts(hosts, hostname)), found);
  });
}

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

function start(t: ExecutionContext) {
  const proc = createFakeProc(t);
  const unused: string[] = [];
  let time = 0;
  const hosts = createHosts({
    files: directFiles(proc.directory),
    onUnused: (reason) => unused.push(reason),
    now: () => time,
  });
  /** What a process sees for 10.0.0.1. */
  const name = (pid: number, serial = pid, networkNamespace = 7) =>
    hosts({ pid, serial, networkNamespace }, '10.0.0.1');
  const later = () => {
    time += 2_000;
  };
  return { proc, unused, hosts, name, later };
}

const root = (hosts: string) => ({ hosts, hostname: 'box\n' });

test('each process has the names of the file that it sees; its own host has none', (t) => {
  const { proc, hosts, name, unused } = start(t);
  proc.put(1, { networkNamespace: 7, root: proc.root(root('10.0.0.1 one\n127.0.0.1 localhost\n127.0.1.1 box')) });
  proc.put(2, { networkNamespace: 7, root: proc.root(root('10.0.0.1 two\n127.0.0.1 api.local')) });
  t.deepEqual([name(1), name(2), name(1, 0)], ['one', 'two', undefined]);
  const at = (pid: number, address: string) => hosts({ pid, serial: pid, networkNamespace: 7 }, address);
  t.deepEqual([at(1, '127.0.0.1'), at(1, '127.0.1.1'), at(2, '127.0.0.1')], [undefined, undefined, 'api.local']);
  t.deepEqual(unused, []);
});

test('a file is looked at again after a while, and what the host calls itself, too', (t) => {
  const { proc, name, later } = start(t);
  const directory = proc.root(root('10.0.0.1 old'));
  proc.put(1, { networkNamespace: 7, root: directory });
  t.is(name(1), 'old');
  writeFileSync(join(directory, 'etc/hosts'), '10.0.0.1 new.example');
  t.is(name(1), 'old');
  later();
  t.is(name(1), 'new.example');
  writeFileSync(join(directory, 'etc/hostname'), 'new.example');
  later();
  t.is(name(1), undefined);
  rmSync(join(directory, 'etc/hostname'));
  later();
  t.is(name(1), 'new.example');
  rmSync(join(directory, 'etc/hosts'));
  later();
  t.is(name(1), undefined);
});

test('a number that another process has by now says nothing of the one that is meant', (t) => {
  const { proc, name } = start(t);
  proc.put(1, { networkNamespace: 8, root: proc.root(root('10.0.0.1 wrong')) });
  t.is(name(1), undefined);
});

test('the file of a process that has gone is not read anew from whoever has its number', (t) => {
  const { proc, name, later } = start(t);
  proc.put(1, { networkNamespace: 7, root: proc.root(root('10.0.0.1 right')) });
  proc.put(2, { networkNamespace: 7, mountNamespace: 1, root: proc.root(root('10.0.0.1 other')) });
  t.deepEqual([name(1), name(2)], ['right', 'other']);
  proc.put(1, { networkNamespace: 8, root: proc.root(root('10.0.0.1 wrong')) });
  later();
  t.is(name(1), 'right');
  proc.end(1);
  later();
  t.is(name(1), 'right');
  t.is(name(2), 'other');
});

test('a process that takes another root sees what is there', (t) => {
  const { proc, name, later } = start(t);
  proc.put(1, { networkNamespace: 7, root: proc.root(root('10.0.0.1 before')) });
  t.is(name(1), 'before');
  proc.put(1, { networkNamespace: 7, mountNamespace: 2, root: proc.root(root('10.0.0.1 after')) });
  later();
  t.is(name(1), 'after');
});

test('who was gone at the first look has the names of its network namespace, and is not looked for again', (t) => {
  const { proc, name, later } = start(t);
  t.is(name(9), undefined);
  proc.put(1, { networkNamespace: 7, root: proc.root(root('10.0.0.1 shared')) });
  t.is(name(1), 'shared');
  t.is(name(5), 'shared');
  t.is(name(6, 6, 8), undefined);
  const wrong = proc.root(root('10.0.0.1 wrong'));
  for (const pid of [5, 9]) proc.put(pid, { networkNamespace: 7, root: wrong });
  later();
  t.is(name(5), 'shared');
  t.is(name(9), undefined);
});

test('what cannot be read without danger is counted, not read', (t) => {
  const { proc, name, unused } = start(t);
  proc.put(1, { networkNamespace: 7, root: proc.root(root('10.0.0.1 no')), type: 'fuse' });
  const linked = proc.root({ real: '10.0.0.1 no' });
  symlinkSync('real', join(linked, 'etc/hosts'));
  proc.put(2, { networkNamespace: 7, root: linked });
  proc.put(3, { networkNamespace: 7, root: proc.root(root(`10.0.0.1 no\n${' '.repeat(2 ** 20)}`)) });
  proc.put(4, { networkNamespace: 7, root: proc.root({}) });
  t.deepEqual(
    [1, 2, 3, 4].map((pid) => name(pid)),
    [undefined, undefined, undefined, undefined],
  );
  t.deepEqual(unused, ['hosts_file_system', 'hosts_no_plain_file', 'hosts_no_plain_file']);
});

test('of forty thousand names of one address the first counts', (t) => {
  const lines = Array.from({ length: 40_000 }, (_, index) => `0.0.0.0 ad${index}.example`).join('\n');
  t.deepEqual([...parseHosts(lines)], [['0.0.0.0', 'ad0.example']]);
});
