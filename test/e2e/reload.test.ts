/** SIGHUP. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attribute, ends, startAgent, within } from '../support/agent.ts';
import { watching, withLab } from '../support/lab.ts';
import { eventually } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test.serial('what is shown follows the file, whose mistakes change nothing', async (t) => {
  const file = join(temporaryDirectory(t), 'sockflow.yaml');
  await withLab(t, async ({ namespace, client, server }) => {
    writeFileSync(file, 'filter: role=client\n');
    const agent = await startAgent([...watching(namespace, '--events', 'close'), '--config', file]);
    t.teardown(() => agent.kill9());
    const again = async (text: string, answer: RegExp) => {
      writeFileSync(file, text);
      process.kill(agent.pid, 'SIGHUP');
      await eventually(
        'an answer',
        () => agent.stderr,
        (said) => answer.test(said),
      );
    };
    const talk = async () => {
      const pair = await connected(client, server);
      await client.do('close', pair.client);
      await server.do('drain', pair.server);
      await server.do('close', pair.server);
    };
    const roles = () =>
      ends(within(namespace, agent.records())).map((record) => attribute(record, 'sockflow.connection.role'));
    await talk();
    await agent.waitForEnds(namespace, 1);
    await again('filter: role=server\n', /configuration read again: in force: filter$/m);
    await talk();
    await agent.waitForEnds(namespace, 2);
    await again(
      'filter: role\n',
      /configuration read again and refused, the one before stays in force: .*:1:1: filter: /m,
    );
    await talk();
    await agent.waitForEnds(namespace, 3);
    t.deepEqual(roles(), ['client', 'server', 'server']);
    t.is((await agent.stop()).code, 0);
  });
});

test.serial('without a file it ends, in order', async (t) => {
  const agent = await startAgent(['--format', 'json', '-t']);
  t.teardown(() => agent.kill9());
  const { code, summary } = await agent.stop('SIGHUP');
  t.is(code, 0);
  t.regex(summary, /records \(opened/);
});
