import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findSockets } from '../../../../src/enrich/runtime/sockets.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

test('the usual places below the root of the host, also where nobody listens yet', (t) => {
  const hostRoot = temporaryDirectory(t);
  mkdirSync(join(hostRoot, 'run/user/1000'), { recursive: true });
  t.deepEqual(findSockets({ given: [], hostRoot, env: {} }), [
    { path: `${hostRoot}/run/docker.sock`, name: 'docker' },
    { path: `${hostRoot}/run/podman/podman.sock`, name: 'podman' },
    { path: `${hostRoot}/run/user/1000/docker.sock`, name: 'docker' },
    { path: `${hostRoot}/run/user/1000/podman/podman.sock`, name: 'podman' },
  ]);
});

test('DOCKER_HOST comes first, when it is a socket', (t) => {
  const [first] = findSockets({ given: [], hostRoot: '/nonexistent', env: { DOCKER_HOST: 'unix:///srv/d.sock' } });
  t.deepEqual(first, { path: '/srv/d.sock', name: 'docker' });
  t.is(findSockets({ given: [], hostRoot: '/nonexistent', env: { DOCKER_HOST: 'tcp://10.0.0.1:2375' } }).length, 2);
});

test('those that are given are the only ones', (t) => {
  const env = { DOCKER_HOST: 'unix:///srv/d.sock' };
  t.deepEqual(findSockets({ given: ['/nonexistent/a.sock'], hostRoot: '/', env }), [
    { path: '/nonexistent/a.sock', name: 'docker' },
  ]);
});

test("a docker.sock that is a link to Podman's is Podman, once", (t) => {
  const hostRoot = temporaryDirectory(t);
  const podman = join(hostRoot, 'run/podman/podman.sock');
  mkdirSync(join(hostRoot, 'run/podman'), { recursive: true });
  writeFileSync(podman, '');
  symlinkSync(podman, join(hostRoot, 'run/docker.sock'));
  t.deepEqual(findSockets({ given: [], hostRoot, env: {} }), [{ path: podman, name: 'podman' }]);
});
