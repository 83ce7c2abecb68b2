/** Who waits at a terminal sees for what, and finds nothing of it left behind. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import test from 'ava';
import { SOCKFLOW, spawnAgent } from '../support/agent.ts';
import { withLab } from '../support/lab.ts';
import { result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { PROMPT, Terminal } from '../support/terminal.ts';

test.serial('records that no server takes: the end says what it waits for, and Ctrl-C ends that', async (t) => {
  const taken: Socket[] = [];
  const deaf = createServer((socket) => taken.push(socket.on('error', () => undefined)));
  await once(deaf.listen(0, '127.0.0.1'), 'listening');
  const { port } = deaf.address() as AddressInfo;
  try {
    await withLab(t, async (lab) => {
      const terminal = await Terminal.open(t, { columns: 120, rows: 24 });
      const options = [
        `--otlp-endpoint http://127.0.0.1:${port} --otlp-protocol http/protobuf --no-metrics`,
        `--shutdown-timeout 100s --network-namespace ${lab.namespace.inode}`,
      ];
      await terminal.enter(`clear; ${SOCKFLOW} ${options.join(' ')}`);
      await terminal.see('ready', (screen) => screen.includes('sockflow: ready, '));
      const pair = await connected(lab.client, lab.server);
      await lab.client.do('close', pair.client);
      await lab.server.do('close', pair.server);
      await terminal.press('C-c');
      const waiting = /^sockflow: stopping: sending what waits, for \d+ s at most; Ctrl-C: at once$/m;
      await terminal.see('what it waits for', (screen) => waiting.test(screen));
      await terminal.press('C-c');
      const screen = await terminal.see('the prompt', (text) => text.trimEnd().endsWith(PROMPT));
      t.notRegex(screen, /stopping|starting/);
      t.regex(screen.replaceAll('\n', ''), /sockflow: \d+ records \(/);
    });
  } finally {
    for (const socket of taken) socket.destroy();
    deaf.close();
  }
});

test.serial('where stderr is no terminal there is none of it', async (t) => {
  const { code, stderr } = await result(spawnAgent(['--duration', '1s', '--format', 'none']));
  t.is(code, 0);
  t.regex(stderr, /^sockflow: ready, [^\r]*\nsockflow: [^\r]*\n$/);
});
