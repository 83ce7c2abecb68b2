import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { createStdout } from '../../../src/export/stdout.ts';
import { Ledger } from '../../../src/ledger.ts';
import { openPipe, readAvailable } from '../../support/pipe.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

function start(fd: number, limit?: number) {
  const ledger = new Ledger();
  const lost: string[] = [];
  const onLost = (reason: string) => void lost.push(reason);
  const stdout = createStdout({ ledger, onLost, fd, ...(limit !== undefined && { limit }) });
  return { stdout, ledger, reasons: lost };
}

const makeLines = (count: number, size = 100) =>
  Array.from({ length: count }, (_, index) => `${`${index}`.padEnd(size - 1, '.')}\n`);

test('what is written arrives, in order, and is counted', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout, ledger } = start(writer);
  stdout.write(makeLines(3));
  stdout.write(['größe 🚀\n']);
  await stdout.shutdown(performance.now() + 1000);
  t.is(Buffer.from(readAvailable(reader), 'latin1').toString(), `${makeLines(3).join('')}größe 🚀\n`);
  t.is(ledger.sent.get('stdout'), 4);
  t.deepEqual(ledger.lost, []);
});

test('bytes are written as they are, and what stands before all records is none of them', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout, ledger } = start(writer);
  stdout.begin(Uint8Array.of(255, 0, 128));
  stdout.write([Uint8Array.of(1, 254), Uint8Array.of(3)]);
  stdout.write(['ü\n', Uint8Array.of(0)]);
  await stdout.shutdown(performance.now() + 1000);
  t.is(Buffer.from(readAvailable(reader), 'latin1').toString('hex'), 'ff0080' + '01fe' + '03' + 'c3bc0a' + '00');
  t.is(ledger.sent.get('stdout'), 4);
  t.deepEqual(ledger.lost, []);
});

test('all that one turn brings is one write', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout } = start(writer);
  for (const line of makeLines(10)) stdout.write([line]);
  t.is(readAvailable(reader), '');
  await wait(20);
  t.is(readAvailable(reader), makeLines(10).join(''));
});

test('a full pipe that nobody reads stops nothing; what has no room is counted', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout, ledger } = start(writer, 100_000);
  for (let turn = 0; turn < 50; turn++) {
    stdout.write(makeLines(100));
    await new Promise(setImmediate);
  }
  const full = ledger.lost.find(({ reason }) => reason === 'stdout_full')?.count ?? 0;
  t.true(full > 3000, `${full}`);
  await stdout.shutdown(performance.now() + 200);
  const read = readAvailable(reader);
  const sent = ledger.sent.get('stdout') ?? 0;
  const unsent = ledger.lost.find(({ reason }) => reason === 'stdout_shutdown')?.count ?? 0;
  t.is(read.split('\n').length - 1, sent);
  t.is(sent + full + unsent, 5000);
});

test('a slow reader gets everything that there was room for', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout, ledger } = start(writer);
  stdout.write(makeLines(20_000));
  let read = '';
  const reading = setInterval(() => {
    read += readAvailable(reader);
  }, 5);
  await stdout.shutdown(performance.now() + 10_000);
  clearInterval(reading);
  read += readAvailable(reader);
  t.is(read, makeLines(20_000).join(''));
  t.is(ledger.sent.get('stdout'), 20_000);
});

test('a reader that went away is said once, and what comes after is counted', async (t) => {
  const { reader, writer } = openPipe(t);
  const { stdout, ledger, reasons } = start(writer);
  closeSync(reader);
  stdout.write(makeLines(7));
  await wait(20);
  stdout.write(makeLines(4));
  await stdout.shutdown(performance.now() + 1000);
  t.deepEqual(reasons, ['stdout_closed']);
  t.deepEqual(ledger.lost, [{ stage: 'export', reason: 'stdout_closed', count: 11 }]);
  t.is(ledger.sent.get('stdout'), undefined);
});

test('shutdown may be called twice', async (t) => {
  const { writer } = openPipe(t);
  const { stdout } = start(writer);
  const twice = [stdout.shutdown(performance.now() + 1000), stdout.shutdown(performance.now() + 1000)];
  await t.notThrowsAsync(Promise.all(twice));
});

test('a file that is appended to keeps what it has', async (t) => {
  const file = join(temporaryDirectory(t), 'file');
  for (const name of ['first', 'second']) {
    const { stdout, ledger } = start(openSync(file, 'a'));
    stdout.write([`${name}\n`]);
    await stdout.shutdown(performance.now() + 1000);
    t.is(ledger.sent.get('stdout'), 1);
  }
  t.is(readFileSync(file, 'utf8'), 'first\nsecond\n');
});

test('a full disk is a lost output, and says why', async (t) => {
  const { stdout, reasons, ledger } = start(openSync('/dev/full', 'w'));
  stdout.write(makeLines(3));
  await stdout.shutdown(performance.now() + 1000);
  t.is(reasons.length, 1);
  t.regex(reasons[0] ?? '', /^stdout_failed: ENOSPC/);
  t.is(ledger.lost[0]?.count, 3);
});

/** A process of its own, so that its stdout is descriptor 1. */
const child = `
  import { createStdout } from ${JSON.stringify(join(import.meta.dirname, '../../../src/export/stdout.ts'))};
  import { Ledger } from ${JSON.stringify(join(import.meta.dirname, '../../../src/ledger.ts'))};
  const ledger = new Ledger();
  const stdout = createStdout({ ledger, onLost: (reason) => console.error(reason), limit: 1e6 });
  let ticks = 0;
  setInterval(() => ticks++, 10);
  for (let turn = 0; turn < 50; turn++) {
    stdout.write(Array.from({ length: 100 }, () => 'x'.repeat(999) + '\\n'));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await stdout.shutdown(performance.now() + Number(process.argv[1]));
  console.error(JSON.stringify({ ticks, sent: ledger.sent.get('stdout') ?? 0, lost: ledger.lost }));
  process.exit(0);
`;
const childArguments = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', child];

test('a socket that nobody reads stops nothing, either', async (t) => {
  const agent = spawn(process.execPath, [...childArguments, '300'], { stdio: ['ignore', 'pipe', 'pipe'] });
  agent.stdout.pause();
  const exit = once(agent, 'exit');
  const books = JSON.parse(await text(agent.stderr));
  t.true(books.ticks > 30, `${books.ticks}`);
  const lost = books.lost.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  t.is(books.sent + lost, 5000);
  t.true(lost > 0);
  t.deepEqual((await exit)[0], 0);
});

test('a socket that is read gets everything', async (t) => {
  const agent = spawn(process.execPath, [...childArguments, '10000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(agent.stdout), text(agent.stderr)]);
  const { sent, lost } = JSON.parse(errors);
  t.is(output.length, sent * 1000);
  t.is(sent + lost.reduce((sum: number, { count }: { count: number }) => sum + count, 0), 5000);
});

test('`| head` ends it: one reason, nothing else', async (t) => {
  const command = `"$0" "$@" 2>&3 | head -n 1`;
  const shell = spawn('sh', ['-c', command, process.execPath, ...childArguments, '300'], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  const errors = shell.stdio[3];
  if (!errors || !('on' in errors)) return t.fail();
  const said = (await text(errors as NodeJS.ReadableStream)).split('\n');
  t.is(said[0], 'stdout_closed');
});
