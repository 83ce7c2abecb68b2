/**
 * A million records while their server plays fifty scripts: busy, with and without a wish when to come back, slower than the
 * client waits, deaf after it has taken a request, with partial success, with GOAWAY, silent, gone. Whatever it does, each
 * record arrives or was rejected by it; twice comes only what it has taken without an answer, and then as the same bytes.
 *
 *   npm run bench:faults -- [--records 1000000] [--scripts 50] [--seed N]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOtlpLogsExporter } from '../src/export/otlp/logs.ts';
import { createRecordAttributes } from '../src/export/semconv.ts';
import { Ledger } from '../src/ledger.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../test/support/otlp-records.ts';
import { random } from '../test/support/random.ts';
import { readOptions, wholeNumber } from './lib/options.ts';
import { type Play, plays } from './lib/plays.ts';

const { values } = readOptions({
  options: {
    records: { type: 'string', default: '1000000' },
    scripts: { type: 'string', default: '50' },
    seed: { type: 'string', default: `${Date.now() % 1e6}` },
  },
});
const [total, scripts] = [wholeNumber('--records', values.records), wholeNumber('--scripts', values.scripts)];
const chance = random(wholeNumber('--seed', values.seed, 0));

interface Findings {
  readonly arrived: number;
  readonly doubled: number;
  /** Of these, those that were not taken without an answer. */
  readonly unexplained: number;
  readonly differing: number;
  readonly spurious: number;
  readonly rejected: number;
  readonly unanswered: number;
}

const oracle = fork(join(import.meta.dirname, 'lib/oracle.ts'), [`${total}`], { stdio: 'inherit' });
process.once('exit', () => oracle.kill('SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const [{ port }] = (await once(oracle, 'message')) as [{ port: number }];

async function ask<Answer>(message: Play | 'findings'): Promise<Answer> {
  oracle.send(message);
  const [answer] = await once(oracle, 'message');
  return answer as Answer;
}

const ledger = new Ledger();
const exporter = createOtlpLogsExporter(
  {
    attributes: createRecordAttributes({ ownNetworkNamespace }),
    host,
    endpoint: `http://127.0.0.1:${port}`,
    protocol: 'grpc',
    timeoutMs: 1000,
    retryMs: [50, 500],
    stuckMs: 3000,
  },
  ledger,
  () => undefined,
);
const owners = [makeProcess(1), makeProcess(2)];
let made = 0;

/** As fast as memory allows, until so many are made. */
async function feed(until: number): Promise<void> {
  for (; made < until; made++) {
    if (made % 500 === 0) await sleep(exporter.queuedBytes > 8 * 2 ** 20 ? 20 : 0);
    if (exporter.queuedBytes > 16 * 2 ** 20) {
      made--;
      await sleep(20);
      continue;
    }
    exporter.export([makeRecord(made, { process: owners[made % 2] })]);
  }
}

const played = new Map<string, number>();
for (let script = 1; script <= scripts; script++) {
  const name = plays[Math.floor(chance() * plays.length)] as Play['name'];
  played.set(name, (played.get(name) ?? 0) + 1);
  await ask({ name });
  const fed = feed(Math.floor((total * script) / scripts));
  await sleep(200 + chance() * 1500);
  await ask({ name: 'ok' });
  await fed;
  process.stderr.write(`${script}/${scripts} ${name}: ${made} made, ${ledger.sent.get('otlp-logs') ?? 0} sent\n`);
}
await exporter.shutdown(performance.now() + 120_000);
const found = await ask<Findings>('findings');
oracle.kill();

const sent = ledger.sent.get('otlp-logs') ?? 0;
const lost = Object.fromEntries(ledger.lost.map(({ reason, count }) => [reason, count]));
const missing = total - found.arrived - found.rejected;
console.log(`seed ${values.seed}, played: ${[...played].map(([name, count]) => `${name} ${count}`).join(', ')}`);
console.log(`${total} records made; books: sent ${sent}, lost ${JSON.stringify(lost)}`);
console.log(
  `server: ${found.arrived} arrived, ${found.rejected} rejected, ${missing} missing, ${found.spurious} spurious`,
);
console.log(
  `twice: ${found.doubled}, of them ${found.unexplained} that had been answered, ${found.differing} with other bytes`,
);
const isWhole = missing === 0 && sent + found.rejected === total && (lost.rejected ?? 0) === found.rejected;
const isOnce = found.unexplained === 0 && found.differing === 0 && found.spurious === 0;
if (!isWhole || !isOnce || Object.keys(lost).some((reason) => reason !== 'rejected')) process.exitCode = 1;
