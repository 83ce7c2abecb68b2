/** `sockflow top` on a terminal: what it shows, how it is used, and that it leaves the terminal as it was. */
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { SOCKFLOW } from '../support/agent.ts';
import { type Lab, withLab } from '../support/lab.ts';
import { eventually, family } from '../support/processes.ts';
import { connected, type Pair } from '../support/sockets.ts';
import { PROMPT, Terminal, type TerminalOptions } from '../support/terminal.ts';

interface Stage {
  readonly lab: Lab;
  readonly pair: Pair;
  readonly terminal: Terminal;
  /** The lines of the table that say so. */
  lines(text: string): Promise<string[]>;
}

/** A connection between two processes, a terminal, and in it the table of that namespace. */
async function onTerminal(
  t: ExecutionContext,
  options: TerminalOptions,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  await withLab(t, async (lab) => {
    const pair = await connected(lab.client, lab.server);
    const terminal = await Terminal.open(t, options);
    await terminal.enter('stty -a > /dev/null; clear; echo before');
    await terminal.see('the line before', (screen) => screen.startsWith('before'));
    await terminal.enter(`${SOCKFLOW} top --network-namespace ${lab.namespace.inode}`);
    await terminal.see('the table', (screen) => screen.includes('lab-client') && /^sockflow top · /.test(screen));
    const lines = async (text: string) => (await terminal.screen()).split('\n').filter((line) => line.includes(text));
    await body({ lab, pair, terminal, lines });
  });
}

/** It is as before the command, with what the agent says about itself below that. */
async function isAsBefore(t: ExecutionContext, terminal: Terminal): Promise<void> {
  const screen = await terminal.see('the prompt', (text) => text.trimEnd().endsWith(PROMPT));
  t.regex(screen, /^before\n/);
  t.regex(screen, /^sockflow: ready, /m);
  t.regex(screen.replaceAll('\n', ''), /sockflow: \d+ records \(/);
  t.notRegex(screen, /DIALLED/);
  t.deepEqual(await terminal.modes(), { isOther: false, hasCursor: true });
  await terminal.enter('stty -a | grep -c -- "-icanon\\|-echo \\|-isig"; echo done');
  t.regex(await terminal.see('what stty says', (text) => /^done$/m.test(text)), /^0\ndone$/m);
}

test.serial('80 × 24: a connection with its processes; group, filter, a wrong one, help, size, quit', async (t) => {
  await onTerminal(t, { columns: 80, rows: 24 }, async ({ pair, terminal, lines }) => {
    t.deepEqual(await terminal.modes(), { isOther: true, hasCursor: false });
    const [client = ''] = await lines('lab-client ');
    t.regex(client, new RegExp(`^▸ lab-client +1 → 127\\.0\\.0\\.1:${pair.port} (lab|\\S).* 1 est +\\S+ +0 `));
    t.regex((await lines('lab-server '))[0] ?? '', /^▸ lab-server +1 ← 127\.0\.0\.1:\d+ /);
    t.regex((await lines('sockflow top'))[0] ?? '', / 2 open .* lost 0 ✓$/);

    await terminal.press('j', 'Enter');
    await terminal.see('an open group', (screen) => /^▌▾/m.test(screen) && /^ {2}└ \d+ /m.test(screen));
    await terminal.press('?');
    await terminal.see('the help', (screen) => screen.includes('quit') && screen.includes('PgUp'));
    await terminal.press('?', 'c');
    await terminal.see('the columns', (screen) => /^▌ \[x\] PROCESS +always$/m.test(screen));
    await terminal.press('j', 'Space', 'c');
    await terminal.see(
      'one more',
      (screen) => /^ {2}PROCESS +USER /m.test(screen) && /^▌▾lab\S+ +1 root /m.test(screen),
    );
    await terminal.press('c', 'a', 'c', 'g');
    await terminal.see('pods', (screen) => /^ {2}POD\/CONTAINER/m.test(screen) && /^▸ - +2 /m.test(screen));

    await terminal.press('/');
    await terminal.press('-l', 'prc=lab-server');
    await terminal.press('Enter');
    await terminal.see('what is wrong', (screen) => screen.includes('prc= is none of its words; did you mean proc?'));
    await terminal.press('C-u');
    await terminal.press('-l', 'proc=lab-server');
    await terminal.press('Enter');
    await terminal.see('one of two', (screen) => /^▸ - +1 ←/m.test(screen) && screen.includes('/ proc=lab-server'));

    await terminal.resize(200, 50);
    const wide = await terminal.see('more columns', (screen) => screen.includes('PARENT') && screen.includes('IFACE'));
    t.regex(wide, /^RETRANS .*\n.* n names *\n*$/m);
    t.is(
      wide.split('\n').findIndex((line) => line.includes('q quit')),
      49,
    );
    await terminal.press('g', 'g', 'g', 'g');
    await terminal.see('rows', (screen) => /^ {2}lab-server\[\d+\] .* lo .* est /m.test(screen));
    await terminal.resize(80, 24);
    await terminal.see(
      'fewer',
      (screen) => !screen.includes('PARENT') && screen.split('\n')[23]?.includes('q quit') === true,
    );
    await terminal.press('q');
    await isAsBefore(t, terminal);
  });
});

test.serial('what moves has a rate, what fails is named, what ends is kept; paused, nothing changes', async (t) => {
  await onTerminal(t, { columns: 200, rows: 50 }, async ({ lab, pair, terminal }) => {
    const move = async () => {
      await lab.client.do('send', pair.client, 90_000);
      await lab.server.do('receive', pair.server, 90_000);
      return terminal.screen();
    };
    const isMoving = (screen: string) =>
      /^▸ lab-client .* 0 +\S+ +– +\d\S*$/m.test(screen) && /^▸ lab-server .* 0 +\S+ +\d\S* +–$/m.test(screen);
    await eventually('rates', move, isMoving);
    await terminal.see('rest', (screen) => /^▸ lab-client .* 0 +\d\S* +– +–$/m.test(screen));
    const refused = await lab.server.listen();
    await lab.server.do('close', refused.fd);
    await lab.client.errno('connect', await lab.client.socket(), '127.0.0.1', refused.port);
    const failing = `lab-client → 127.0.0.1:${refused.port} connection_refused 1/min`;
    await terminal.see('the failure', (screen) => screen.includes(`FAILING  ${failing}`));

    await terminal.press('p');
    await terminal.see('PAUSED', (screen) => screen.includes('PAUSED'));
    await lab.client.do('close', pair.client);
    await lab.server.do('close', pair.server);
    const before = await terminal.screen();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    t.is(await terminal.screen(), before);
    await terminal.press('p', 't');
    await terminal.see('the end', (screen) => / 0 open /.test(screen) && /^▸ lab-server .* 1 closed /m.test(screen));
    await terminal.press('f');
    await terminal.see(
      'what failed',
      (screen) => /^▸ lab-client .* 1 FAIL /m.test(screen) && !/^▸ lab-server/m.test(screen),
    );
    await terminal.press('C-c');
    await isAsBefore(t, terminal);
  });
});

/** The agent in the terminal. */
async function agentPid(shell: number): Promise<number> {
  const find = () => family(shell).find((pid) => commandOf(pid).includes('main.ts'));
  return (await eventually('the agent', find, (pid) => pid !== undefined)) ?? 0;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

test.serial('stopped and continued, ended by a signal: the terminal is as it was', async (t) => {
  await onTerminal(t, { columns: 80, rows: 24 }, async ({ terminal }) => {
    await terminal.press('C-z');
    await terminal.see('the shell', (screen) => /Stopped/.test(screen) && screen.startsWith('before'));
    t.deepEqual(await terminal.modes(), { isOther: false, hasCursor: true });
    await terminal.enter('fg');
    await terminal.see('the table again', (screen) => /^sockflow top · /.test(screen) && screen.includes('lab-client'));
    t.deepEqual(await terminal.modes(), { isOther: true, hasCursor: false });
    process.kill(await agentPid(await terminal.shell()), 'SIGTERM');
    await isAsBefore(t, terminal);
  });
});

test.serial('hung up: it ends', async (t) => {
  await onTerminal(t, { columns: 80, rows: 24 }, async ({ terminal }) => {
    const pid = await agentPid(await terminal.shell());
    t.not(commandOf(pid), '');
    await terminal.close();
    t.is(
      await eventually(
        'its end',
        () => commandOf(pid),
        (command) => command === '',
      ),
      '',
    );
  });
});

test.serial('without colour and without UTF-8', async (t) => {
  const env = { NO_COLOR: '1', LC_ALL: 'C' };
  await withLab(t, async (lab) => {
    await connected(lab.client, lab.server);
    const terminal = await Terminal.open(t, { columns: 80, rows: 24, env });
    await terminal.enter(`clear; TERM=dumb ${SOCKFLOW} top`);
    const refused = await terminal.see('why not', (screen) => screen.includes('--once for one table'));
    t.regex(
      refused.replaceAll('\n', ''),
      /^sockflow: top expects a terminal .*; TERM is dumb, on which nothing can be drawn: add/,
    );
    await terminal.enter(`clear; TERM=dumb ${SOCKFLOW} top --once --network-namespace ${lab.namespace.inode}`);
    await terminal.see('one table', (screen) => /^ {2}lab-client +1 -> 127/m.test(screen) && /records \(/.test(screen));
    await terminal.enter(`${SOCKFLOW} top --network-namespace ${lab.namespace.inode}`);
    await terminal.see('the table', (screen) => /^\+ lab-client +1 -> 127/m.test(screen));
    await terminal.press('j');
    await terminal.see('the cursor', (screen) => /^>\+/m.test(screen));
    const screen = await terminal.screen({ colours: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
    t.notRegex(screen, /\x1b\[|[^\x00-\x7f]/);
    await terminal.press('q');
    await terminal.see('the prompt', (text) => text.trimEnd().endsWith(PROMPT));
  });
});
