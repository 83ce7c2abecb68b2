/**
 * Tests of rows of the table in docs/outcomes.md, by what the kernel really does. An expectation is `role event reason error
 * sent/received`; one agent watches all tests of a file, and the last one asserts that it said no more than what they waited
 * for.
 */
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, startAgent, within } from './agent.ts';
import { createLab, endsAfter, type Lab, outcome, payload } from './lab.ts';
import { Namespace } from './netns.ts';
import { tearDown } from './processes.ts';
import { serialUnlessHidden } from './unless-hidden.ts';

let namespace: Namespace;
let agent: Agent;
/** Ends that the tests so far have waited for. */
let waitedFor = 0;
/** The time before failed, and is done again: then it is not known for how many it has waited. */
let isSpoilt = false;

test.before(async () => {
  namespace = await Namespace.create();
  agent = await startAgent(['--format', 'json', '--network-namespace', `${namespace.inode}`]);
});

test.after.always(() =>
  tearDown(
    () => agent?.stop('SIGKILL'),
    () => namespace?.close(),
  ),
);

/** What a system call of the lab may fail with. */
export const errno = {
  EACCES: 13,
  EINVAL: 22,
  EPIPE: 32,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

/** Does what is to be seen in the lab; returns what the records must say. */
type Scenario = (lab: Lab, address: string, t: ExecutionContext) => Promise<string[]>;

/** A test of what happens over both families, or over one where the other could not differ. */
export function cause(title: string, scenario: Scenario, families: readonly ('IPv4' | 'IPv6')[] = ['IPv4']): void {
  for (const family of families)
    serialUnlessHidden(families.length > 1 ? `${title} (${family})` : title, async (t) => {
      const lab = await createLab(t, namespace);
      t.teardown(() => lab.reset());
      if (isSpoilt) waitedFor = seen();
      isSpoilt = true;
      await expectEnds(t, lab, await scenario(lab, family === 'IPv4' ? '127.0.0.1' : '::1', t));
      isSpoilt = false;
    });
}

export const both = ['IPv4', 'IPv6'] as const;

function seen(): number {
  return ends(within(namespace, agent.records())).length;
}

/** What the records must say: whose they are follows from the role. */
async function expectEnds(t: ExecutionContext, lab: Lab, wanted: readonly string[]): Promise<void> {
  const before = waitedFor;
  waitedFor += wanted.length;
  const records = await endsAfter(agent, namespace, before, wanted.length);
  t.deepEqual(records.map((record) => `${outcome(record)} ${payload(record)}`).sort(), [...wanted].sort());
  for (const record of records) {
    const isClient = attribute(record, 'sockflow.connection.role') === 'client';
    t.is(attribute(record, 'process.pid'), isClient ? lab.client.pid : lab.server.pid);
    t.is(attribute(record, 'process.executable.path'), isClient ? lab.clientFile : lab.serverFile);
  }
}

/** Waits for the first ends that a test causes. */
export function theEnd(count = 1): Promise<void> {
  return agent.waitForEnds(namespace, waitedFor + count);
}

/** The last test of a file. */
export function nothingElse(): void {
  test.serial('nothing else was said', async (t) => {
    const { records, code, summary } = await agent.stop();
    t.is(code, 0);
    // Of what was hidden, a test was done again.
    t.regex(summary, /lost (0|\d+ \(kernel missed_event \d+\))(, late ends \d+)?$/);
    t.is(ends(records).length, waitedFor);
  });
}
