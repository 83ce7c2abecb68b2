/** The agent with exactly the capabilities that are written down, instead of all that root has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseAllDocuments } from 'yaml';
import { attribute, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { makeCgroup } from '../support/cgroup.ts';
import { boundDatagramSocket, datagramSocket } from '../support/flows.ts';
import { watching, withLab } from '../support/lab.ts';
import { connected } from '../support/sockets.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

/** Of the table, as far as what is needed stands there, before what is good for more. */
function documented(): string[] {
  const text = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');
  const [, table = ''] = /^\| needs \|.*\n((?:\|.*\n)+)/m.exec(text) ?? [];
  const [needed = ''] = table.split(/^\| \*\*more with/m);
  return [...needed.matchAll(/CAP_([A-Z_]+)/g)].map(([, name = '']) => name);
}

/** Of the container in the example. */
function ofExample(): string[] {
  const text = readFileSync(join(CHECKOUT, 'examples/kubernetes.yaml'), 'utf8');
  const daemonSet = parseAllDocuments(text)
    .map((document) => document.toJS())
    .find(({ kind }) => kind === 'DaemonSet');
  return daemonSet.spec.template.spec.containers[0].securityContext.capabilities.add;
}

/** A command that leaves only these to who comes after it. */
function holding(capabilities: readonly string[]): string[] {
  const kept = capabilities.map((name) => `+${name.toLowerCase()}`);
  return ['setpriv', '--no-new-privs', `--bounding-set=${['-all', ...kept].join(',')}`, '--inh-caps=-all'];
}

/** Bits of a set: how many there are. */
function held(pid: number, set: 'CapEff' | 'CapBnd'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bits = BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1]}`);
  return bits.toString(2).replaceAll('0', '').length;
}

async function watchesAll(t: ExecutionContext, capabilities: readonly string[], through: readonly string[] = []) {
  await withLab(t, async ({ namespace, client, server }) => {
    const options = { through: [...through, ...holding(capabilities)] };
    await withAgent(
      watching(namespace, '--events', 'close'),
      async (agent) => {
        // It has begun with these, and has given them up: the bounding set is all that is left to be seen.
        t.is(held(agent.pid, 'CapBnd'), capabilities.length);
        t.is(held(agent.pid, 'CapEff'), 0);
        t.regex(agent.ready, /, watching tcp and udp; outputs: /);
        const pair = await connected(client, server);
        const echo = await boundDatagramSocket(server);
        const fd = await datagramSocket(client);
        await client.do('send-datagram', fd, 11, '127.0.0.1', echo.port);
        await server.do('take-datagrams', echo.fd, 1, 22);
        await client.do('take-datagrams', fd, 1);
        await client.exit();
        await server.exit();
        await agent.waitForEnds(namespace, 4);
        const records = within(namespace, (await agent.stop()).records);
        const ports = (transport: string) =>
          records.filter((record: JsonRecord) => attribute(record, 'network.transport') === transport).map(portOf);
        t.deepEqual(ports('tcp'), [pair.port, pair.port]);
        t.deepEqual(ports('udp'), [echo.port, echo.port]);
      },
      options,
    );
  });
}

function portOf(record: JsonRecord): unknown {
  return attribute(record, 'server.port');
}

/** The host's cgroup2 mount stands below another root, with a blank in its path, behind one of a cgroup namespace of ours. */
const POD = `
  mount -t tmpfs none /mnt
  mkdir -p /mnt/first /mnt/own "/mnt/the host/cgroup"
  mount -t cgroup2 none /mnt/first
  while read -r _ path type _; do
    if [ "$type" = cgroup2 ] && [ "$path" != /mnt/first ]; then umount -l "$path"; fi
  done </proc/self/mounts
  echo $$ >"/mnt/first/$GROUP/cgroup.procs"
  exec unshare --cgroup sh -e -c '
    mount -t cgroup2 none /mnt/own
    mount --bind /mnt/first "/mnt/the host/cgroup"
    umount /mnt/first
    exec "$0" "$@"' "$0" "$@"`;

test.serial('the capabilities that README calls needed are enough for all that is watched', async (t) => {
  const capabilities = documented();
  t.deepEqual(capabilities.toSorted(), ['BPF', 'NET_ADMIN', 'PERFMON']);
  await watchesAll(t, capabilities);
});

test.serial(
  'those of the example for Kubernetes are, too, by the cgroups of the host below another root',
  async (t) => {
    const capabilities = ofExample();
    t.false(capabilities.includes('SYS_ADMIN'));
    const group = `sockflow-test-${process.pid}`;
    makeCgroup(t, group);
    const alone = ['unshare', '--mount', '--propagation', 'private'];
    await watchesAll(t, capabilities, ['env', `GROUP=${group}`, ...alone, 'sh', '-e', '-c', POD]);
  },
);
