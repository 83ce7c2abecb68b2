/** Events of the C library have the names of containers. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { installLibrary } from '../support/c-library.ts';
import { makeCgroup } from '../support/cgroup.ts';
import { DockerServer } from '../support/docker-server.ts';
import { withLab } from '../support/lab.ts';
import { inTime, result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { removeDirectory, sharedDirectory, temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

test('the events of a container have its name, those of others have none', async (t) => {
  const directory = sharedDirectory();
  t.teardown(() => removeDirectory(directory));
  const env = installLibrary(directory);
  const program = join(directory, 'container');
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'sockflow'], { env, encoding: 'utf8' }).trim();
  const source = join(CHECKOUT, 'test/library/container.c');
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', source, ...flags.split(' '), '-o', program]);
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  await withLab(t, async ({ namespace, client, server }) => {
    const id = createHash('sha256').update(`${process.pid} ${t.title}`).digest('hex');
    makeCgroup(t, `/docker/${id}`)(client.pid);
    docker.container(id, 'shop', 'x:1');
    const args = [`${namespace.inode}`, socket];
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    t.teardown(() => child.kill('SIGKILL'));
    const ended = result(child);
    await once(child.stderr, 'data');
    const pair = await connected(client, server);
    await client.do('close', pair.client);
    await server.do('drain', pair.server);
    await server.do('close', pair.server);
    let seen = '';
    child.stdout.on('data', (text) => {
      seen += text;
    });
    const ends = () => [...seen.matchAll(/\.close /g)].length;
    await inTime(
      (async () => {
        while (ends() < 2) await once(child.stdout, 'data');
      })(),
      () => seen,
    );
    child.kill('SIGINT');
    await ended;
    const lines = seen.trimEnd().split('\n');
    const of = (pid: number) =>
      new Set(
        lines
          .map((line) => line.split(' '))
          .filter(([, p]) => p === `${pid}`)
          .map(([, , ...rest]) => rest.join(' ')),
      );
    t.deepEqual(of(client.pid), new Set([`${id} shop`]));
    t.deepEqual(of(server.pid), new Set(['- -']));
  });
});
