/**
 * An agent with a spool that is killed (SIGKILL) again and again at random moments while nobody takes its records, under
 * connections that never cease. Each of its successors has to start by itself; in the end a Collector comes, and has to get
 * every record that was older than two seconds when its agent was killed, once. What the agents printed is the witness.
 *
 *   npm run bench:kills -- [--kills 200] [--seed N]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonRecord, only, startAgent, within } from '../test/support/agent.ts';
import { freePort } from '../test/support/collector.ts';
import { type Namespace, withNamespace } from '../test/support/netns.ts';
import { settled } from '../test/support/processes.ts';
import { random } from '../test/support/random.ts';
import { logsFileIn, readKilled, startUnbuffered, unique } from '../test/support/unbuffered-collector.ts';
import { type Load, runLoad } from './lib/loads.ts';
import { readOptions, wholeNumber } from './lib/options.ts';

const { values } = readOptions({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: `${Date.now() % 1e6}` } },
});
const kills = wholeNumber('--kills', values.kills);
const chance = random(wholeNumber('--seed', values.seed, 0));

/** What docs/delivery.md promises: younger records may go with their agent. */
const YOUNG_MS = 2000;
/** Milliseconds that an agent lives once it is ready, at least and at most. */
const LIFE = [200, 5000] as const;
const PATIENCE = 120_000;
const load: Load = { name: 'kills', unit: 'connections', kind: 'connections', pinned: false, factor: 1 };

const uidOf = ({ attributes }: JsonRecord) => String(attributes['log.record.uid']);

/** Connections in handfuls, with pauses, until asked to stop. */
async function feed(namespace: Namespace, signal: AbortSignal): Promise<number> {
  let made = 0;
  while (!signal.aborted) {
    const { operations } = await runLoad(namespace, load, 20 + Math.floor(chance() * 60));
    made += operations;
    await sleep(chance() * 200);
  }
  return made;
}

/** UIDs of the records that an agent printed before it was killed: those that must arrive, and all of them. */
async function liveAndDie(namespace: Namespace, args: readonly string[]): Promise<{ due: string[]; all: string[] }> {
  const agent = await startAgent(args);
  await sleep(LIFE[0] + chance() ** 2 * (LIFE[1] - LIFE[0]));
  const killed = Date.now();
  const { records } = await agent.kill9();
  const own = within(namespace, records);
  const due = own.filter(({ timestamp }) => Date.parse(timestamp) < killed - YOUNG_MS);
  return { due: due.map(uidOf), all: own.map(uidOf) };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const directory = mkdtempSync(join(tmpdir(), 'sockflow-kills-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

await withNamespace(async (namespace) => {
  const port = await freePort();
  const spool = join(directory, 'spool');
  const endpoint = ['--otlp-endpoint', `http://127.0.0.1:${port}`, '--no-metrics', '--spool', spool];
  const args = [...only(namespace), ...endpoint, '--format', 'json', '--events', 'close,failed'];
  const [due, printed] = [new Set<string>(), new Set<string>()];
  const end = new AbortController();
  const fed = feed(namespace, end.signal);
  for (let number = 1; number <= kills; number++) {
    const life = await liveAndDie(namespace, args);
    for (const uid of life.due) due.add(uid);
    for (const uid of life.all) printed.add(uid);
    if (number % 10 === 0) process.stderr.write(`${number} killed, ${printed.size} records, ${due.size} due\n`);
  }
  end.abort();
  const made = await fed;

  const collector = await startUnbuffered(directory, port);
  const last = await startAgent(args);
  const arrived = () => unique(readKilled(logsFileIn(directory)));
  const missing = () => {
    const there = new Set(arrived().once.map(({ attributes }) => String(attributes['log.record.uid'])));
    return [...due].filter((uid) => !there.has(uid)).length;
  };
  await settled(missing, (count) => count === 0, PATIENCE);
  const { summary } = await last.stop();
  await collector.stop();
  const all = arrived();
  const young = [...printed].length - due.size;
  console.log(`seed ${values.seed}: ${kills} agents killed, ${made} connections made, ${printed.size} records printed`);
  console.log(`older than ${YOUNG_MS} ms: ${due.size}, missing ${missing()}; younger: ${young}`);
  console.log(`arrived: ${all.once.length}, twice ${all.doubled}, not the same ${all.differing.length}`);
  console.log(summary);
  if (missing() > 0 || all.doubled > 0 || all.differing.length > 0) process.exitCode = 1;
});
