import { readFileSync } from 'node:fs';
import test from 'ava';
import { ends, startAgent, within } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { withNamespace } from '../support/netns.ts';

/** debugfs, too: a look into it mounts tracefs. */
const MISSING = ['tracefs', 'debugfs', 'cgroup2'];

/** In a mount namespace of its own, takes these file systems away and becomes the command that follows. */
const UNMOUNT = `
  for type in ${MISSING.join(' ')}; do
    while read -r _ path found _; do [ "$found" = "$type" ] && umount -l "$path"; done </proc/self/mounts
  done
  exec "$0" "$@"`;

test.serial('needs neither tracefs nor a cgroup2 mount, and makes none that can be seen', async (t) => {
  const through = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', UNMOUNT];
  const agent = await startAgent(['--format', 'json'], { through });
  t.teardown(() => agent.kill9());
  const types = readFileSync(`/proc/${agent.pid}/mounts`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[2] ?? '');
  t.deepEqual(
    types.filter((type) => MISSING.includes(type)),
    [],
  );
  await withNamespace(async (namespace) => {
    const { wanted } = await exchange(t, namespace, { connections: 101, mode: 'prefork' });
    await agent.waitForEnds(namespace, wanted.length);
    const { records, code } = await agent.stop();
    t.is(code, 0);
    t.deepEqual(faults(ends(within(namespace, records)), wanted), []);
  });
});
