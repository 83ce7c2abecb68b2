import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, only, SOCKFLOW, startAgent, withAgent, within } from '../support/agent.ts';
import { alive, objectsOf, pinned } from '../support/bpf.ts';
import { exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { withNamespace } from '../support/netns.ts';
import { family, settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(SOCKFLOW, '../..');

/** Where an agent might leave something that outlives it, besides $TMPDIR. */
function traces(): string[] {
  const inside = (directory: string) => readdirSync(directory).map((name) => join(directory, name));
  return [
    ...readFileSync('/proc/self/mounts', 'utf8').split('\n'),
    ...pinned(),
    ...['/run', '/run/netns', '/dev/shm', CHECKOUT].filter((directory) => existsSync(directory)).flatMap(inside),
  ];
}

/** What is there for good that was not; of what other test files make meanwhile nothing stays. */
async function left(before: readonly string[]): Promise<string[]> {
  let suspects = traces().filter((item) => !before.includes(item));
  const stillThere = () => {
    const now = traces();
    suspects = suspects.filter((item) => now.includes(item));
    return suspects;
  };
  return settled(stillThere, (list) => list.length === 0);
}

function runs(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

async function leavesNothing(t: ExecutionContext, end: (agent: Agent) => Promise<unknown>): Promise<void> {
  await withNamespace(async (namespace) => {
    const before = traces();
    const TMPDIR = temporaryDirectory(t);
    const agent = await startAgent(['--format', 'json'], { env: { TMPDIR } });
    t.teardown(() => agent.kill9());
    const objects = objectsOf(agent.pid);
    const processes = family(agent.pid);
    t.true(
      objects.prog.size > 0 && objects.map.size > 0 && objects.link.size > 0,
      'the test sees what the agent holds',
    );
    t.true(alive(objects).length >= objects.prog.size + objects.map.size + objects.link.size);

    const { wanted } = await exchange(t, namespace, { connections: 101 });
    await agent.waitForEnds(namespace, wanted.length);
    await end(agent);

    t.deepEqual(processes.filter(runs), []);
    t.deepEqual(
      await settled(
        () => alive(objects),
        (list) => list.length === 0,
      ),
      [],
    );
    t.deepEqual(readdirSync(TMPDIR), []);
    t.deepEqual(await left(before), []);
  });
}

test.serial('a normal exit leaves no program, map, link, process, namespace, mount or file', async (t) => {
  await leavesNothing(t, async (agent) => {
    const { code } = await agent.stop('SIGINT');
    t.is(code, 0);
  });
});

test.serial('kill -9 leaves no program, map, link, process, namespace, mount or file', async (t) => {
  await leavesNothing(t, async (agent) => {
    const { signal } = await agent.kill9();
    t.is(signal, 'SIGKILL');
  });
});

test.serial('two agents at once both see everything, and one goes without the other noticing', async (t) => {
  await withNamespace(async (namespace) => {
    const args = [...only(namespace), '--format', 'json'];
    await withAgent(args, (first) =>
      withAgent(args, async (second) => {
        const together = await exchange(t, namespace, { connections: 307 });
        const both = [first, second];
        await Promise.all(both.map((agent) => agent.waitForEnds(namespace, together.wanted.length)));
        const ended = await first.stop();
        t.is(ended.code, 0);
        t.deepEqual(faults(ends(within(namespace, ended.records)), together.wanted), []);

        const alone = await exchange(t, namespace, { connections: 211 });
        await second.waitForEnds(namespace, together.wanted.length + alone.wanted.length);
        const { records } = await second.stop();
        // Each exchange by its server: client ports come again.
        for (const { server, wanted } of [together, alone]) {
          const its = within(namespace, records).filter((record) => attribute(record, 'server.port') === server.port);
          t.deepEqual(faults(ends(its), wanted), []);
        }
      }),
    );
  });
});
