/** `sockflow top` without a terminal. */
import test from 'ava';
import { spawnAgent } from '../support/agent.ts';
import { withLab } from '../support/lab.ts';
import { result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';

test.serial('--once in a pipe: each connection with its process, what moved, and the sums', async (t) => {
  await withLab(t, async (lab) => {
    const { port } = await connected(lab.client, lab.server);
    const args = ['top', '--once', '--group', 'none', '--network-namespace', `${lab.namespace.inode}`];
    const { code, stdout, stderr } = await result(spawnAgent(args, { env: { LC_ALL: 'C.UTF-8' } }));
    t.is(code, 0, stderr);
    t.regex(stderr, /^sockflow: ready, .*\nsockflow: .* records \(opened 2, closed 0, live 2\), /);
    const lines = stdout.trimEnd().split('\n');
    t.regex(lines[0] ?? '', /^# sockflow top · .* 2 open {2}\+0\/s −0\/s {2}fail 0\/s {2}retr 0\.0% {2}lost 0 ✓$/);
    const rows = lines.filter((line) => !line.startsWith('#'));
    t.is(rows.length, 2, stdout);
    t.regex(
      rows.join('\n'),
      new RegExp(
        `^ {2}lab-client\\[${lab.client.pid}\\] .* → 127\\.0\\.0\\.1:${port} lab-server\\[${lab.server.pid}\\] .* est `,
        'm',
      ),
    );
    t.regex(
      rows.join('\n'),
      new RegExp(`^ {2}lab-server\\[${lab.server.pid}\\] .* :${port} +← 127\\.0\\.0\\.1:\\d+ `, 'm'),
    );
  });
});

test('without a terminal it is one sentence that says what to do', async (t) => {
  const { code, stdout, stderr } = await result(spawnAgent(['top']));
  t.is(code, 2);
  t.is(stdout, '');
  t.is(
    stderr,
    'sockflow: top expects a terminal to draw on and to read keys from; stdin and stdout are none: add --once for one table\n',
  );
});
