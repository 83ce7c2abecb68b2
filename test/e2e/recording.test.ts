/** What `--record` keeps is what was seen: replayed, it is told in the same words, without root and on no kernel. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type AgentOptions, attribute, ends, type JsonRecord, only, spawnAgent, withAgent } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { boundDatagramSocket, datagramSocket } from '../support/flows.ts';
import { watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { result } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { runAttempts } from '../support/workload.ts';

/** An ordinary user, but for the right to read the checkout. */
const nobody = [
  ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'],
];
const everything = ['--events', 'open,update,close,failed,retransmit,reset'];

async function replay(file: string, args: readonly string[], options: AgentOptions = {}) {
  const { code, stdout, stderr } = await result(spawnAgent(['replay', file, '--format', 'json', ...args], options));
  const records = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JsonRecord);
  return { code, stderr, records };
}

/** In an order that does not depend on how the batches came; what only the watching agent could ask is no part of it. */
function comparable(records: readonly JsonRecord[]): string[] {
  return records.map((record) => JSON.stringify(record)).toSorted();
}

/** TCP and UDP between two processes; returns what the agent said of it. */
async function recordLab(
  t: ExecutionContext,
  file: string,
  ...args: readonly string[]
): Promise<readonly JsonRecord[]> {
  let seen: readonly JsonRecord[] = [];
  await withLab(t, async ({ namespace, client, server }) => {
    await withAgent([...watching(namespace, ...everything), '--record', file, ...args], async (agent) => {
      t.regex(agent.ready, /; recording to /);
      await exchange(t, namespace, { connections: 40, family: '4' });
      await runAttempts(namespace, 'refused', { count: 7 });
      const echo = await boundDatagramSocket(server);
      const fd = await datagramSocket(client);
      await client.do('send-datagram', fd, 11, '127.0.0.1', echo.port);
      await server.do('take-datagrams', echo.fd, 1, 22);
      await client.do('take-datagrams', fd, 1);
      await client.exit();
      await server.exit();
      await agent.waitForEnds(namespace, 89);
      const ended = await agent.stop();
      t.is(ended.code, 0);
      seen = ended.records;
    });
  });
  return seen;
}

test.serial('a replay says what the agent said, to an ordinary user, too', async (t) => {
  const file = join(temporaryDirectory(t), 'recording');
  const seen = await recordLab(t, file);
  const again = await replay(file, everything, { through: nobody });
  t.is(again.code, 0, again.stderr);
  t.deepEqual(comparable(again.records), comparable(seen));
  t.regex(again.stderr, /ready, replaying .*, recorded at 20\S+Z on /);
  t.regex(again.stderr, /lost 0$/m);

  const udp = await replay(file, ['--udp']);
  t.true(udp.records.length > 0);
  t.true(udp.records.every((record) => attribute(record, 'network.transport') === 'udp'));
  const failed = await replay(file, ['--events', 'failed']);
  t.is(failed.records.length, 7);
});

test.serial('an anonymized one says the same of other addresses and names', async (t) => {
  const file = join(temporaryDirectory(t), 'recording');
  const seen = await recordLab(t, file, '--anonymize');
  const again = await replay(file, everything);
  t.is(again.records.length, seen.length);
  const sum = (records: readonly JsonRecord[], name: string) =>
    records.reduce((total, record) => total + Number(attribute(record, name) ?? 0), 0);
  for (const name of ['sockflow.connection.sent.bytes', 'sockflow.connection.received.bytes'])
    t.is(sum(ends(again.records), name), sum(ends(seen), name), name);
  const text = readFileSync(file, 'latin1');
  for (const record of seen) {
    const path = String(attribute(record, 'process.executable.path') ?? '/usr/');
    if (!path.startsWith('/usr/')) t.false(text.includes(path.slice(path.lastIndexOf('/') + 1)), path);
  }
});

test.serial('an agent that is killed leaves what it had written', async (t) => {
  const file = join(temporaryDirectory(t), 'recording');
  await withNamespace(async (namespace) => {
    await withAgent([...only(namespace), '--format', 'json', '--record', file], async (agent) => {
      await exchange(t, namespace, { connections: 25, family: '4' });
      await agent.waitForEnds(namespace, 50);
      await agent.kill9();
    });
  });
  const again = await replay(file, ['--events', 'close']);
  t.is(again.code, 0);
  t.is(again.records.length, 50);
});

test.serial('a disk that is full ends the recording, not the agent', async (t) => {
  const directory = temporaryDirectory(t);
  const small = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o size=16k none ${directory} && exec "$@"`, 'sh'];
  await withNamespace(async (namespace) => {
    const args = [...only(namespace), '--format', 'json', '--record', join(directory, 'recording')];
    await withAgent(
      args,
      async (agent) => {
        await exchange(t, namespace, { connections: 300, family: '4' });
        await agent.waitForEnds(namespace, 600);
        const ended = await agent.stop();
        t.is(ended.code, 0);
        t.is(ends(ended.records).length, 600);
        t.regex(ended.stderr, /no space left on device.*; the recording ends here/);
        t.regex(ended.summary, /lost 0, faults 1 \(capture recording_failed 1\)/);
      },
      { through: small },
    );
  });
  t.false(existsSync(join(directory, 'recording')), 'it was in a mount of its own');
});

test.serial('what cannot be recorded or replayed is one sentence', async (t) => {
  const directory = temporaryDirectory(t);
  const missing = await replay(join(directory, 'none'), []);
  t.is(missing.code, 1);
  t.regex(
    missing.stderr,
    /^sockflow: cannot start: replay \/\S+: there is no such file; name a file made with --record\n$/,
  );
  const unwritable = await result(spawnAgent(['--record', join(directory, 'none/file')]));
  t.is(unwritable.code, 1);
  t.regex(unwritable.stderr, /^sockflow: cannot start: .*; give --record a file that can be made\n$/);
});
