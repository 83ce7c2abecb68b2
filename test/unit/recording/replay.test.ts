import { appendFileSync, closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { StartError } from '../../../src/errors.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { Process } from '../../../src/model.ts';
import { frameKind, wireLayout, writeFrame } from '../../../src/recording/format.ts';
import { recordSource } from '../../../src/recording/recorder.ts';
import { openReplay } from '../../../src/recording/replay.ts';
import { batch, connectionBytes, interfaceBytes, pathPart, processBytes } from '../../support/batch.ts';
import { collect } from '../../support/collect.ts';
import { fakeSource } from '../../support/fake-source.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const containerId = 'ab12'.repeat(16);
const quiet = { warn: () => undefined };
const all = { tcp: false, udp: false, networkNamespace: undefined };

const fromProc: Process = {
  serial: 9,
  pid: 99,
  startTime: 1_700_000_000_123_456_789n,
  executablePath: '/opt/secret/tool',
  executableName: 'tool',
  parentPid: 1,
  parentExecutablePath: '/usr/lib/systemd/systemd',
  parentExecutableName: 'systemd',
  userId: 1001,
  groupId: 0,
  parentUserId: 0,
  namespacePid: 99,
  cgroups: ['/'],
};

const records = [
  processBytes({
    serial: 7,
    pid: 70,
    userId: 1001,
    name: 'secretd',
    parts: [
      pathPart('/opt/secret/secretd'),
      pathPart('/usr/bin/bash'),
      pathPart(`/system.slice/docker-${containerId}.scope`),
    ],
  }),
  interfaceBytes(4026531840, 5, 'eth0'),
  connectionBytes({
    pid: 70,
    process: 7,
    netns: 4026531840,
    interface: 5,
    localAddress: [203, 0, 113, 9],
    peerAddress: [10, 7, 7, 7],
    peerPort: 443,
  }),
  connectionBytes({
    pid: 99,
    process: 9,
    netns: 17,
    family: 6,
    peerAddress: [0x20, 1, 4, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99],
  }),
];

/** Records as the agent would; returns what it saw. */
async function record(t: ExecutionContext, { anonymize = false, commandArgs = false } = {}) {
  const file = join(temporaryDirectory(t), 'recording');
  const source = fakeSource([fromProc]);
  const ledger = new Ledger();
  const recorded = recordSource(source, { file, anonymize, commandArgs, ledger, log: quiet });
  const live = collect(recorded);
  source.give(batch(...records));
  for (const container of source.containers) container.details = { runtime: 'docker', name: 'secret-container' };
  source.give(batch(connectionBytes({ pid: 70, process: 7, sentBytes: 5n })));
  await recorded.stop();
  return { file, live, ledger };
}

async function replay(file: string, options: Parameters<typeof openReplay>[1] = all) {
  const said: string[] = [];
  const ledger = new Ledger();
  const source = openReplay(file, options, { warn: (text) => void said.push(text) }, ledger);
  const collected = collect(source);
  await collected.ended;
  return { ...collected, source, said, faults: ledger.faults };
}

test('what is replayed is what was recorded, names included', async (t) => {
  const { file, live } = await record(t);
  const again = await replay(file);
  t.is(live.records.length, 3);
  t.deepEqual(again.records, live.records);
  t.is(again.records[0]?.process?.userName, 'secret-user-1001');
  t.is(again.records[0]?.process?.container?.details?.name, 'secret-container');
  t.is(again.records[0]?.interfaceName, 'eth0');
  t.deepEqual(again.records[1]?.process, live.records[1]?.process, 'what was read from /proc, too');
  t.is(again.source.counts().opened, 3);
  t.is(again.source.progress?.(), 1);
  t.is(again.source.host.name, 'secret-host');
  t.deepEqual(again.said, []);
});

test('the file is for its owner alone, and nothing is written over', async (t) => {
  const { file } = await record(t);
  t.is(statSync(file).mode & 0o777, 0o600);
  const options = { file, anonymize: false, commandArgs: false, ledger: new Ledger(), log: quiet };
  const error = t.throws(() => recordSource(fakeSource(), options), { instanceOf: StartError });
  t.regex(error?.message ?? '', /is there already$/);
  t.throws(() => recordSource(fakeSource(), { ...options, file: `${file}/below` }), { instanceOf: StartError });
});

const withArguments = batch(
  processBytes({
    serial: 7,
    pid: 70,
    parts: [pathPart('/opt/app'), pathPart('/usr/bin/bash')],
    args: ['app', '--token=hunter2', '--verbose', 'visible'],
  }),
  connectionBytes({ pid: 70, process: 7 }),
);

test('arguments are in a recording without secrets, in an anonymized one not at all', async (t) => {
  for (const anonymize of [false, true]) {
    const file = join(temporaryDirectory(t), 'recording');
    const source = fakeSource();
    const options = { file, anonymize, commandArgs: true, ledger: new Ledger(), log: quiet };
    const recorded = recordSource(source, options);
    const live = collect(recorded);
    source.give(withArguments);
    await recorded.stop();
    const shown = ['app', '--token=[REDACTED]', '--verbose', 'visible'];
    t.deepEqual(live.records[0]?.process?.commandArgs, shown);
    t.false(readFileSync(file).includes('hunter2'));
    t.is(readFileSync(file).includes('visible'), !anonymize);
    const again = await replay(file);
    t.deepEqual(again.records[0]?.process?.commandArgs, anonymize ? undefined : shown);
    t.is(again.records[0]?.process?.pid, 70);
  }
});

test('a recording of before there were arguments is read', async (t) => {
  const { file } = await record(t);
  const bytes = readFileSync(file, 'latin1');
  const older = bytes.replace(wireLayout, 'cce3468467a17471');
  t.not(older, bytes);
  writeFileSync(file, older, 'latin1');
  t.is((await replay(file)).records.length, 3);
});

test('--tcp, --udp and --network-namespace leave the rest out', async (t) => {
  const { file } = await record(t);
  t.is((await replay(file, { ...all, udp: true })).records.length, 0);
  t.is((await replay(file, { ...all, tcp: true })).records.length, 3);
  t.deepEqual(
    (await replay(file, { ...all, networkNamespace: 17 })).records.map(({ networkNamespace }) => networkNamespace),
    [17],
  );
});

test('a file that ends anywhere gives all whole batches before, and says so', async (t) => {
  const { file } = await record(t);
  const { size } = statSync(file);
  const bytes = readFileSync(file);
  const counts = new Set<number>();
  for (let end = size - 1; end > 16; end -= 29) {
    truncateSync(file, end);
    let result: Awaited<ReturnType<typeof replay>>;
    try {
      result = await replay(file);
    } catch (error) {
      t.regex((error as Error).message, /cannot be replayed: it is empty$/, `${end}`);
      continue;
    }
    counts.add(result.records.length);
    t.true(result.said.length <= 1);
  }
  t.deepEqual([...counts].toSorted(), [0, 2, 3]);
  writeFileSync(file, bytes);
  appendFileSync(file, 'x');
  const torn = await replay(file);
  t.regex(torn.said.join(), /ends in the middle of a batch/);
  t.is(torn.faults.get('capture/recording_torn'), 1);
});

test('names and counts that are damaged are counted each, said once, and cost nothing else', async (t) => {
  const { file, live } = await record(t);
  const fd = openSync(file, 'a');
  t.teardown(() => closeSync(fd));
  for (const damaged of ['{', '{"users":[["root",0]]}', '{"processes":[{}]}', '[]', '{"containers":{}}'])
    writeFrame(fd, frameKind.facts, 1n, Buffer.from(damaged));
  for (const damaged of ['', '{"opened":"3"}']) writeFrame(fd, frameKind.counts, 1n, Buffer.from(damaged));
  const { records, source, said, faults } = await replay(file);
  t.deepEqual([...faults], [['capture/recording_broken', 7]]);
  t.is(said.length, 1);
  t.deepEqual(records, live.records);
  t.is(source.counts().opened, 3);
});

test('a file that changes under the replay ends it where it is none any more, and that is counted', async (t) => {
  const { file, live } = await record(t);
  const [said, ledger]: [string[], Ledger] = [[], new Ledger()];
  const source = openReplay(file, all, { warn: (text) => void said.push(text) }, ledger);
  const bytes = readFileSync(file);
  let last = 0;
  const head = 16;
  for (let at = head; at < bytes.length; at += head + ((bytes.readUInt32LE(at) + 7) & ~7))
    if (bytes.readUInt32LE(at + 4) === frameKind.batch) last = at;
  bytes.writeUInt32LE(0xffff_ffff, last);
  writeFileSync(file, bytes);
  const { records, ended } = collect(source);
  await ended;
  t.deepEqual(records, live.records.slice(0, records.length));
  t.is(records.length, 2);
  t.deepEqual([...ledger.faults], [['capture/recording_broken', 1]]);
  t.regex(said.join(), /there is no frame; what came before was replayed$/);
});

test('what is no recording of this version is refused in one sentence', async (t) => {
  const { file } = await record(t);
  const whole = readFileSync(file);
  const refused = (bytes: Buffer | string, why: RegExp) => {
    writeFileSync(file, bytes);
    const error = t.throws(() => openReplay(file, all, quiet, new Ledger()), { instanceOf: StartError });
    t.regex(error?.message ?? '', why);
  };
  refused('', /it was not made with --record$/);
  refused('#!/bin/sh\necho hello, this is text\n', /it was not made with --record$/);
  const newer = Buffer.from(whole);
  newer.writeUInt32LE(2, 8);
  refused(newer, /it has version 2 of the format, and this sockflow reads 1$/);
  const text = whole.toString('latin1').replace(/"layout":"[0-9a-f]/, (part) => `${part.slice(0, -1)}x`);
  refused(Buffer.from(text, 'latin1'), /its batches are those of sockflow 1\.2\.3$/);
  const long = Buffer.from(whole);
  long.writeUInt32LE(2 ** 31, 16);
  refused(long, /at byte 16 there is no frame$/);
  t.throws(() => openReplay('/nonexistent/file', all, quiet, new Ledger()), { instanceOf: StartError });
});

test('a disk that takes no more ends the recording, and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const source = fakeSource();
  const ledger = new Ledger();
  const said: string[] = [];
  const file = join(directory, 'recording');
  const recorded = recordSource(source, {
    file,
    anonymize: false,
    commandArgs: false,
    ledger,
    log: { warn: (text) => void said.push(text) },
  });
  const live = collect(recorded);
  source.now = () => {
    throw new Error('no space left on device');
  };
  source.give(batch(...records));
  source.give(batch(...records));
  t.is(live.records.length, 4, 'the pipeline has all');
  t.is(ledger.faults.get('capture/recording_failed'), 1);
  t.deepEqual(said, [`${file}: no space left on device; the recording ends here`]);
  await recorded.stop();
});

test('nothing of an anonymized recording tells whose it is', async (t) => {
  const { file, live } = await record(t, { anonymize: true });
  const text = readFileSync(file, 'latin1');
  t.notRegex(text, /secret|tool/);
  t.false(text.includes(containerId));
  for (const address of [
    [203, 0, 113, 9],
    [10, 7, 7, 7],
    [0x20, 1, 4, 0x70],
  ])
    t.false(readFileSync(file).includes(Buffer.from(address)), address.join('.'));

  const again = await replay(file);
  t.is(again.records.length, live.records.length);
  const [first, second, third] = again.records;
  t.is(first?.localAddress, '240.0.0.1');
  t.is(first?.peerAddress, '10.0.0.1');
  t.is(first?.peerPort, 443);
  t.is(second?.peerAddress, '2001:db8::1');
  t.regex(first?.process?.executablePath ?? '', /^\/opt\/w\d+\/w\d+$/);
  t.is(first?.process?.parentExecutablePath, '/usr/bin/bash');
  t.regex(first?.process?.userName ?? '', /^w\d+$/);
  t.regex(first?.process?.container?.id ?? '', /^[0-9a-f]{64}$/);
  t.is(third?.process, first?.process);
  t.is(second?.process?.serial, 9);
});
