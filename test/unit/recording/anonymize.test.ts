import test from 'ava';
import { parseCgroups } from '../../../src/enrich/cgroup.ts';
import { createAddressBook } from '../../../src/recording/anonymous-addresses.ts';
import { createNameBook } from '../../../src/recording/anonymous-names.ts';

function replaced(...addresses: number[][]): string[] {
  const book = createAddressBook();
  return addresses.map((address) => {
    const bytes = Uint8Array.from(address);
    book.replace(bytes);
    return bytes.join('.');
  });
}

test('addresses of IPv4 stay in blocks of their kind, and the same one gets the same', (t) => {
  const all = [
    [8, 8, 8, 8],
    [10, 1, 2, 3],
    [8, 8, 4, 4],
    [8, 8, 8, 8],
    [172, 31, 255, 1],
    [172, 32, 0, 1],
    [192, 168, 44, 55],
    [100, 127, 1, 1],
    [169, 254, 1, 1],
  ];
  const others = ['240.0.0.1', '10.0.0.1', '240.0.0.2', '240.0.0.1', '172.16.0.1', '240.0.0.3', '192.168.0.1'];
  t.deepEqual(replaced(...all), [...others, '100.64.0.1', '169.254.0.1']);
});

test('what says nothing of its owner stays', (t) => {
  const all = [
    [127, 0, 0, 53],
    [0, 0, 0, 0],
    [224, 0, 0, 251],
    [255, 255, 255, 255],
    [...new Array(15).fill(0), 1],
    [0xff, 2, ...new Array(13).fill(0), 0xfb],
  ];
  t.deepEqual(
    replaced(...all),
    all.map((address) => address.join('.')),
  );
});

test('addresses of IPv6, too, and IPv4 in IPv6', (t) => {
  const end = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];
  const [public6, local, unique, mapped] = replaced(
    [0x2a, 0, 0x14, 0x50, 0, 0, 0, 0, 0, 0, ...end],
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, ...end],
    [0xfd, 0xaa, 0, 0, 0, 0, 0, 0, 2, 0, ...end],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7],
  );
  const zeros = (count: number) => new Array(count).fill(0).join('.');
  t.is(public6, `32.1.13.184.${zeros(11)}.1`);
  t.is(local, `254.128.${zeros(13)}.1`);
  t.is(unique, `253.0.${zeros(13)}.1`);
  t.is(mapped, `${zeros(10)}.255.255.240.0.0.1`);
});

test('programs of the distribution keep their path, others keep its form', (t) => {
  const { path } = createNameBook();
  for (const kept of ['/usr/bin/curl', '/usr/sbin/nginx', '/lib/systemd/systemd', '/bin/sh', '/'])
    t.is(path(kept), kept);
  t.is(path('/opt/acme/bin/billing'), '/opt/w1/bin/w2');
  t.is(path('/home/alice/billing'), '/home/w3/w2');
  t.is(path('/usr/local/bin/acme'), '/usr/local/bin/w1');
});

const hex = 'deadbeef'.repeat(8);
const uid = '0b1c2d3e-aaaa-bbbb-cccc-1234567890ab';
for (const group of [
  `/system.slice/docker-${hex}.scope`,
  `/docker/${hex}`,
  `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${hex}.scope`,
  `/kubepods/besteffort/pod${uid}/${hex}`,
  `/machine.slice/libpod-${hex}.scope`,
])
  test(`a cgroup tells the same of its container, by other ids: ${group}`, (t) => {
    const before = parseCgroups([group]);
    const after = parseCgroups([createNameBook().cgroup(group)]);
    t.is(after.runtime, before.runtime);
    t.is(after.containerId?.length, before.containerId?.length);
    t.not(after.containerId, before.containerId);
    t.is(after.podUid?.length, before.podUid?.length);
    t.is(after.podUid !== undefined, before.podUid !== undefined);
    if (before.podUid) t.not(after.podUid, before.podUid);
  });

test('a unit stays a unit, by another name', (t) => {
  const { cgroup } = createNameBook();
  t.is(cgroup('/system.slice/acme-billing.service'), '/system.slice/w1-w2.service');
  t.is(
    cgroup('/user.slice/user-1000.slice/session-3.scope').replace(/user-\w+/, 'user-?'),
    '/user.slice/user-?.slice/session-3.scope',
  );
  t.is(cgroup('/'), '/');
});
