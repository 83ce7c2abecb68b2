/** Names of containers in records: real cgroups, and a Docker daemon that answers when the test says so. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { showsHost } from '../../src/capture/proc.ts';
import { attribute, type JsonRecord, spawnAgent, withAgent, within } from '../support/agent.ts';
import { makeCgroup } from '../support/cgroup.ts';
import { DockerServer } from '../support/docker-server.ts';
import { type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { eventually, inTime, result } from '../support/processes.ts';
import { startRuntimeServer } from '../support/runtime-server.ts';
import { connected } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HOUR = '1h';

/** The lab's client is in a container of this id, its server in none. */
function contain(t: ExecutionContext, lab: Lab): string {
  const id = createHash('sha256').update(`${process.pid} ${t.title}`).digest('hex');
  makeCgroup(t, `/docker/${id}`)(lab.client.pid);
  return id;
}

async function exchange(lab: Lab): Promise<number> {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('close', pair.client);
  await lab.server.do('drain', pair.server);
  await lab.server.do('close', pair.server);
  return pair.port;
}

/** Takes connections and never says a word. */
function silentServer(t: ExecutionContext, path: string): void {
  const open = new Set<Socket>();
  const server = createServer((socket) => open.add(socket)).listen(path);
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
}

const nameOf = (records: readonly JsonRecord[], port: number) =>
  ofEnd(records, 'client', port).map((record) => attribute(record, 'container.name'));

test.serial('a record waits for the name of its container, and no other record waits with it', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  await withLab(t, async (lab) => {
    const id = contain(t, lab);
    const asked = Promise.withResolvers<() => void>();
    docker.container(id, 'shop', 'registry.local:5000/shop/web:1.2', { tier: 'front', other: 'x' });
    const answer = docker.answers.get(`/containers/${id}/`);
    docker.answers.set(`/containers/${id}/`, (response, request) => asked.resolve(() => answer?.(response, request)));
    const options = ['--docker-socket', socket, '--container-wait', HOUR, '--container-labels', 'tier'];
    await withAgent(watching(lab.namespace, '--events', 'close', ...options), async (agent) => {
      const port = await exchange(lab);
      const release = await inTime(asked.promise, () => `asked: ${docker.asked.join(' ')}`);
      await agent.waitFor('end of the server', (records) => ofEnd(records, 'server', port).length > 0);
      t.deepEqual(ofEnd(agent.records(), 'client', port), []);
      release();
      await agent.waitForEnds(lab.namespace, 2);
      const next = await exchange(lab);
      await agent.waitForEnds(lab.namespace, 4);
      const { records } = await agent.stop();
      const [client] = ofEnd(within(lab.namespace, records), 'client', port);
      t.like(client?.resource, {
        'container.id': id,
        'container.runtime.name': 'docker',
        'container.name': 'shop',
        'container.image.name': 'registry.local:5000/shop/web',
        'container.image.tags': ['1.2'],
        'container.label.tier': 'front',
      });
      t.false('container.label.other' in (client?.resource ?? {}));
      t.deepEqual(nameOf(records, next), ['shop']);
      t.false('container.id' in (ofEnd(records, 'server', port)[0]?.resource ?? {}));
      t.is(docker.asked.filter((path) => path.includes(id)).length, 1, 'asked for once');
    });
  });
});

test.serial(
  'a daemon that never answers costs the name and a bounded time; the next one on that socket is asked',
  async (t) => {
    const socket = join(temporaryDirectory(t), 'docker.sock');
    silentServer(t, socket);
    await withLab(t, async (lab) => {
      const id = contain(t, lab);
      const options = ['--docker-socket', socket, '--container-wait', '100ms'];
      await withAgent(watching(lab.namespace, '--events', 'close', ...options), async (agent) => {
        const first = await exchange(lab);
        await agent.waitForEnds(lab.namespace, 2);
        t.deepEqual(nameOf(agent.records(), first), [undefined]);
        rmSync(socket);
        const docker = await DockerServer.start(socket);
        t.teardown(() => docker.stop());
        docker.container(id, 'late', 'busybox');
        await docker.heard;
        let ends = 2;
        // Its question comes after it listens for events; nobody waits for the answer to a container that went without once.
        const tryOnce = async () => {
          const port = await exchange(lab);
          ends += 2;
          await agent.waitForEnds(lab.namespace, ends);
          return nameOf(agent.records(), port)[0];
        };
        await eventually('connection with the name', tryOnce, (name) => name === 'late');
        const { summary } = await agent.stop();
        t.regex(summary, /without their container's name/);
      });
    });
  },
);

test.serial('a container whose start was told is named though it is gone when it is asked for', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  await withLab(t, async (lab) => {
    const id = contain(t, lab);
    const options = ['--docker-socket', socket, '--container-wait', HOUR];
    await withAgent(watching(lab.namespace, '--events', 'close', ...options), async (agent) => {
      await docker.heard;
      docker.event('create', id, { name: 'short', image: 'job:7' });
      const port = await exchange(lab);
      await agent.waitForEnds(lab.namespace, 2);
      t.deepEqual(nameOf((await agent.stop()).records, port), ['short']);
    });
  });
});

test.serial('with --no-docker nobody is asked; what the cgroup says is there all the same', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  await withLab(t, async (lab) => {
    const id = contain(t, lab);
    const options = ['--no-docker', '--docker-socket', socket];
    await withAgent(watching(lab.namespace, '--events', 'close', ...options), async (agent) => {
      const port = await exchange(lab);
      await agent.waitForEnds(lab.namespace, 2);
      const [client] = ofEnd((await agent.stop()).records, 'client', port);
      t.is(client?.resource['container.id'], id);
      t.false('container.name' in (client?.resource ?? {}));
      t.deepEqual(docker.asked, []);
    });
  });
});

test.serial('Kubernetes that was asked for is not turned off by --no-docker', async (t) => {
  const { code, stderr } = await result(spawnAgent(['--no-docker', '--kubernetes', 'api', '--duration', '1s']));
  t.is(code, 1);
  t.regex(stderr, /cannot start: --kubernetes api: there is no service account here/);
});

test.serial("with --host-root the host's sockets, users and machine id are those below it", async (t) => {
  const root = temporaryDirectory(t);
  for (const directory of ['run', 'etc']) mkdirSync(join(root, directory));
  writeFileSync(join(root, 'etc/passwd'), 'hostroot:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/machine-id'), 'feedfeedfeedfeedfeedfeedfeedfeed\n');
  const docker = await DockerServer.start(join(root, 'run/docker.sock'));
  t.teardown(() => docker.stop());
  await withLab(t, async (lab) => {
    docker.container(contain(t, lab), 'inside', 'busybox');
    const options = ['--host-root', root, '--container-wait', HOUR];
    await withAgent(watching(lab.namespace, '--events', 'close', ...options), async (agent) => {
      const port = await exchange(lab);
      await agent.waitForEnds(lab.namespace, 2);
      const [client] = ofEnd((await agent.stop()).records, 'client', port);
      t.like(client?.resource, {
        'container.name': 'inside',
        'process.user.name': 'hostroot',
        'host.id': 'feedfeedfeedfeedfeedfeedfeedfeed',
      });
    });
  });
});

/** The line of a start with these options. */
async function readyLine(args: readonly string[], through: readonly string[] = []): Promise<string> {
  const once = ['--tcp', '--duration', '1ms', ...args];
  const { stderr } = await result(spawnAgent(once, { through }));
  return stderr.split('\n').find((line) => line.startsWith('sockflow: ready')) ?? stderr;
}

test.serial('the ready line says who is asked for names, or why nobody is', async (t) => {
  const directory = temporaryDirectory(t);
  const docker = await DockerServer.start(join(directory, 'docker.sock'));
  t.teardown(() => docker.stop());
  const runtime = await startRuntimeServer(join(directory, 'crio.sock'), {});
  t.teardown(() => runtime.stop());
  const given = ['--docker-socket', `${directory}/docker.sock`, '--runtime-endpoint', `${directory}/crio.sock`];
  const root = ['--host-root', directory];
  const kubelet = ['--kubernetes', 'kubelet', '--kubelet-endpoint', 'http://127.0.0.1:1'];
  const of = async (...args: string[]) =>
    (await readyLine(args)).replace(/.*?; (?=containers: )/, '').replace(/; no capabilities left$/, '');
  t.is(await of(...given), `containers: docker at ${directory}/docker.sock, cri-o at ${directory}/crio.sock`);
  t.is(await of(...root), "containers: ids only (no runtime's socket is there yet)");
  const asked = 'containers: ids only (--no-docker); pods: from the kubelet at http://127.0.0.1:1';
  t.is(await of('--no-docker', ...kubelet), asked);
  mkdirSync(join(directory, 'var/lib/kubelet'), { recursive: true });
  t.regex(await of(...root), /; pods: from the kubelet at http:\/\/127\.0\.0\.1:10255$/);
});

test.serial("outside of the host's pid namespace the ready line says what is missed", async (t) => {
  const inside = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const alone = await readyLine([], inside);
  t.regex(alone, /; off: .*interfaces in other network namespaces \(not in the host's pid namespace\)/);
  t.regex(alone, /hosts files of other processes \(not in the host's pid namespace\)/);
  t.regex(alone, /user names of the host \(no --host-root, so they are this container's\)/);

  const root = temporaryDirectory(t);
  const script = `mkdir "${root}/proc" && mount --rbind /proc "${root}/proc" && exec unshare --pid --fork --kill-child --mount-proc "$0" "$@"`;
  const ofHost = ['unshare', '--mount', 'sh', '-ec', script];
  const withHost = await readyLine(['--host-root', root], ofHost);
  t.regex(withHost, /interfaces in other network namespaces/);
  t.notRegex(withHost, /user names of the host/);
  t.is(/hosts files of other processes/.test(withHost), !showsHost('/proc'));
});
