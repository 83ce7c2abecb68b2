import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { spawnAgent, startAgent, withAgent } from '../support/agent.ts';
import { withNamespace } from '../support/netns.ts';
import { type Result, result } from '../support/processes.ts';

const ENDPOINT = 'tcp://127.0.0.1:1234';

function cannotStart(t: ExecutionContext, { code, stdout, stderr }: Result, says: RegExp): void {
  t.is(code, 1, stderr);
  t.is(stdout, '');
  t.regex(stderr, /^sockflow: cannot start: [^\n]*\n$/);
  t.regex(stderr, says);
}

test.serial('a port that another program has is said, and 1', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(
      ['-z', ENDPOINT],
      async () => {
        const other = ['-z', 'tcp://127.0.0.1:1235', '-z', ENDPOINT];
        const ended = await result(spawnAgent(other, { namespace }));
        cannotStart(t, ended, /--zmq cannot listen on tcp:\/\/127\.0\.0\.1:1234: .*in use.*; is another program there/);
      },
      { namespace },
    );
  });
});

test.serial('an address of another host is said, and 1', async (t) => {
  const ended = await result(spawnAgent(['-z', 'tcp://192.0.2.77:1234']));
  cannotStart(t, ended, /--zmq cannot listen on tcp:\/\/192\.0\.2\.77:1234: .*; .*no address of this host/);
});

test.serial('a machine without a ZeroMQ for it: said to who asks for it, and of no matter to others', async (t) => {
  const library = join(import.meta.dirname, '../../node_modules/zeromq/build');
  const through = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs none ${library} && exec "$0" "$@"`];
  const ended = await result(spawnAgent(['-z', ENDPOINT], { through }));
  cannotStart(t, ended, /--zmq needs the ZeroMQ library, which cannot be loaded \(.*\); .* start without --zmq/);
  const agent = await startAgent(['--format', 'json', '--duration', '100ms'], { through });
  t.is((await agent.ended()).code, 0);
});
