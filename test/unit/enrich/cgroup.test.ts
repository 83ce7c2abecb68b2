import test from 'ava';
import { type Placement, parseCgroups } from '../../../src/enrich/cgroup.ts';
import { cgroupRows, docker, id, uid } from '../../support/cgroup-paths.ts';

const nothing: Placement = { containerId: undefined, runtime: undefined, podUid: undefined, systemdUnit: undefined };

for (const [what, path, expected] of cgroupRows)
  test(what, (t) => {
    t.deepEqual(parseCgroups([path]), { ...nothing, ...expected });
  });

test('a path of a controller tells what the one of version 2 does not, and the other way round', (t) => {
  const hybrid = { ...nothing, ...docker };
  t.deepEqual(parseCgroups(['/system.slice/containerd.service', `/docker/${id}`]), hybrid);
  t.deepEqual(parseCgroups([`/docker/${id}`, '/system.slice/containerd.service']), hybrid);
  t.deepEqual(parseCgroups(['/', '/system.slice/nginx.service']), { ...nothing, systemdUnit: 'nginx.service' });
  t.deepEqual(parseCgroups([`/kubepods/pod${uid}`, `/kubepods/pod${uid}/${id}`]), {
    ...nothing,
    containerId: id,
    podUid: uid,
  });
});

test('no path is no place', (t) => {
  t.deepEqual(parseCgroups([]), nothing);
});

test('a path as long as the kernel allows takes no time to speak of', (t) => {
  const names = Array.from({ length: 40 }, (_, index) => `kubepods-pod${'a'.repeat(200)}${index}`);
  t.deepEqual(parseCgroups([`/${names.join('/')}`]), nothing);
});
