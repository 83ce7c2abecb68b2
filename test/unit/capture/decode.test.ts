import test from 'ava';
import { createDecoder } from '../../../src/capture/decode.ts';
import { sfAttribution, sfEvent, sfFlag, sfFlow, sfKind, sfRole } from '../../../src/capture/wire.gen.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { Process } from '../../../src/model.ts';
import { batch, connectionBytes, interfaceBytes, pathPart, processBytes } from '../../support/batch.ts';

function decoder(describe: (pid: number, serial: number) => Process | undefined = () => undefined) {
  const ledger = new Ledger();
  const seen: Process[] = [];
  return { ledger, seen, ...createDecoder({ ledger, onProcess: (process) => seen.push(process), describe }) };
}

test('a process and its connection', (t) => {
  const { decode, ledger, seen } = decoder();
  const [record] = decode(
    batch(
      processBytes({
        serial: 7,
        pid: 42,
        parentPid: 41,
        userId: 1000,
        parts: [pathPart('/usr/bin/curl'), pathPart('/usr/bin/bash'), pathPart('/a/b')],
      }),
      connectionBytes({
        event: sfEvent.end,
        role: sfRole.client,
        attribution: sfAttribution.open,
        state: 5,
        flags: sfFlag.established,
        timeNs: 1_790_000_000_123_456_789n,
        startNs: 1_790_000_000_000_000_001n,
        cookie: 99n,
        id: 0x0123456789abcdefn,
        localAddress: [10, 0, 0, 1],
        localPort: 40_000,
        peerAddress: [192, 168, 255, 254],
        peerPort: 443,
        netns: 4_026_531_840,
        pid: 42,
        process: 7,
        sentBytes: 2 ** 40 + 5,
        receivedBytes: 3,
        sentPackets: 4,
        receivedPackets: 6,
        retransmits: 1,
        handshakeUs: 1500,
        rttUs: 250_000,
        rttMinUs: 0,
        busyMs: 12,
      }),
    ),
  );
  t.is(seen.length, 1);
  t.like(record, {
    event: 'close',
    time: 1_790_000_000_123_456_789n,
    startTime: 1_790_000_000_000_000_001n,
    id: '0123456789abcdef',
    cookie: 99n,
    role: 'client',
    attribution: 'open',
    state: 'fin_wait2',
    networkType: 'ipv4',
    localAddress: '10.0.0.1',
    localPort: 40_000,
    peerAddress: '192.168.255.254',
    peerPort: 443,
    networkNamespace: 4_026_531_840,
    sentBytes: 2 ** 40 + 5,
    receivedBytes: 3,
    handshakeDuration: 0.0015,
    smoothedRtt: 0.25,
    minRtt: undefined,
    busyTime: 0.012,
    end: { error: 0, established: true, dialled: true, late: false, attempt: false },
  });
  t.like(record?.process, {
    pid: 42,
    parentPid: 41,
    userId: 1000,
    executablePath: '/usr/bin/curl',
    executableName: 'curl',
    parentExecutablePath: '/usr/bin/bash',
    parentExecutableName: 'bash',
    cgroups: ['/a/b'],
  });
  t.is(ledger.received, 1);
});

test('what is new is the difference to the record before; packets are counted in 32 bits', (t) => {
  const { decode } = decoder();
  const moved = { sentBytes: 2 ** 33 + 7, receivedBytes: 5, sentPackets: 3, receivedPackets: 9 };
  const reported = {
    reportedSentBytes: 2 ** 33,
    reportedReceivedBytes: 5,
    reportedSentPackets: 0xffff_fffe,
    reportedReceivedPackets: 2,
  };
  const of = (event: number) => decode(batch(connectionBytes({ event, ...moved, ...reported })))[0]?.deltas;
  const deltas = { sentBytes: 7, receivedBytes: 0, sentPackets: 5, receivedPackets: 7 };
  t.deepEqual(of(sfEvent.update), deltas);
  t.deepEqual(of(sfEvent.end), deltas);
  t.is(of(sfEvent.retransmit), undefined);
});

test('a retransmission that only the end told of has a number of segments, and no place', (t) => {
  const { decode } = decoder();
  const of = (flags: number) =>
    decode(batch(connectionBytes({ event: sfEvent.retransmit, flags, segments: 3, detail: 0 })))[0];
  t.like(of(0), { event: 'retransmit', retransmittedSegments: 3, retransmittedSequence: 0, end: undefined });
  const late = { event: 'retransmit', retransmittedSegments: 3, retransmittedSequence: undefined, end: undefined };
  t.like(of(sfFlag.late), late);
});

test('IPv6 in its shortest form', (t) => {
  const { decode } = decoder();
  const [record] = decode(
    batch(
      connectionBytes({
        family: 6,
        localAddress: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        peerAddress: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd],
      }),
    ),
  );
  t.like(record, { networkType: 'ipv6', localAddress: '::1', peerAddress: '2001:db8::abcd' });
});

test('bytes that are not UTF-8 become U+FFFD, and a name of the task stands in for a missing path', (t) => {
  const { decode, seen } = decoder();
  decode(
    batch(
      processBytes({ serial: 1, pid: 2, parts: [Buffer.from('inv\xff\xfealid\0tmp\0', 'latin1')] }),
      processBytes({ serial: 2, pid: 3, name: 'kworker/0:1' }),
    ),
  );
  t.is(seen[0]?.executablePath, '/tmp/inv\ufffd\ufffdalid');
  t.is(seen[1]?.executablePath, undefined);
  t.is(seen[1]?.executableName, 'kworker/0:1');
});

test('arguments come without secrets; of those that are cut the last one goes, and it says so', (t) => {
  const { decode, seen } = decoder();
  const of = (args: readonly string[], isCut = false) =>
    processBytes({ serial: seen.length + 1, pid: 2, parts: [pathPart('/bin/x')], args, isCut });
  decode(batch(of(['x', '--password', 'hunter2', 'a b', '']), of(['x', 'first', 'half of a sec'], true)));
  decode(batch(of(['nginx: worker process', '', '', '']), of([]), processBytes({ serial: 9, pid: 9 })));
  t.deepEqual(
    seen.map(({ commandArgs }) => commandArgs),
    [
      ['x', '--password', '[REDACTED]', 'a b'],
      ['x', 'first', 'half of a sec', '[CUT]'],
      ['nginx: worker process'],
      [],
      undefined,
    ],
  );
  t.is(seen[0]?.executablePath, '/bin/x');
});

test('a description that is missing is asked for once, and a record without any says that nobody is known', (t) => {
  let asked = 0;
  const found = { serial: 9, pid: 5 } as Process;
  const { decode } = decoder((_, serial) => {
    asked++;
    return serial === 9 ? found : undefined;
  });
  const records = decode(
    batch(
      connectionBytes({ process: 9, pid: 5, attribution: sfAttribution.use }),
      connectionBytes({ process: 9, pid: 5 }),
      connectionBytes({ process: 0, attribution: sfAttribution.use }),
    ),
  );
  t.is(asked, 1);
  t.is(records[0]?.process, found);
  t.is(records[2]?.process, undefined);
  t.is(records[2]?.attribution, 'none');
});

test('a malformed record is counted once, costs the rest of its batch and nothing before it', (t) => {
  const good = connectionBytes({ localPort: 1 });
  const mutations: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['an unknown kind', (bytes) => bytes.fill(77, 0, 1)],
    ['a wrong length', (bytes) => bytes.fill(8, 2, 3)],
    ['a cut record', (bytes) => bytes.subarray(0, 80)],
    ['length zero', (bytes) => bytes.fill(0, 2, 4)],
  ];
  for (const [what, mutate] of mutations) {
    const { decode, ledger } = decoder();
    t.is(decode(batch(good, mutate(connectionBytes({})))).length, 1, what);
    t.deepEqual(ledger.lost, [{ stage: 'capture', reason: 'malformed', count: 1 }], what);
  }
});

test('parts that reach beyond the record are refused', (t) => {
  const { decode, ledger } = decoder();
  const record = processBytes({ serial: 1, pid: 1, parts: [pathPart('/a')] });
  new DataView(record.buffer, record.byteOffset).setUint16(72, 5000, true);
  decode(batch(record));
  t.deepEqual(ledger.lost, [{ stage: 'capture', reason: 'malformed', count: 1 }]);
});

test('random bytes never throw', (t) => {
  const { decode } = decoder();
  let state = 12_345;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
  for (let round = 0; round < 20_000; round++) {
    const bytes = connectionBytes({ process: 1 });
    for (let flips = 0; flips < 4; flips++) bytes[next() % bytes.length] = next() & 255;
    const process = processBytes({ serial: 1, pid: 2, parts: [pathPart('/x/y')] });
    for (let flips = 0; flips < 4; flips++) process[next() % process.length] = next() & 255;
    t.notThrows(() => decode(batch(process, bytes)));
  }
});

test('many resets in one record have the addresses and ports that all of them have', (t) => {
  const { decode } = decoder();
  const reset = { event: sfEvent.resetSent, localAddress: [10, 0, 0, 1], localPort: 9, peerAddress: [0, 0, 0, 0] };
  const [many, one] = decode(
    batch(
      connectionBytes({ ...reset, peerPort: 0, segments: 5 }),
      connectionBytes({ ...reset, peerAddress: [10, 0, 0, 2], peerPort: 7, segments: 1 }),
    ),
  );
  t.deepEqual(many?.reset, { direction: 'transmit', reason: undefined, segments: 5 });
  t.like(many, { localAddress: '10.0.0.1', localPort: 9, peerAddress: '', peerPort: 0 });
  t.like(one, { localAddress: '10.0.0.1', localPort: 9, peerAddress: '10.0.0.2', peerPort: 7 });
  const [scan] = decode(
    batch(
      connectionBytes({ ...reset, localAddress: [0, 0, 0, 0], localPort: 0, peerAddress: [10, 0, 0, 2], segments: 5 }),
    ),
  );
  t.like(scan, { localAddress: '', localPort: 0, peerAddress: '10.0.0.2' });
});

test('interfaces have the name that was told last, in their own network namespace', (t) => {
  const { decode } = decoder();
  const at = (netns: number, index: number) => connectionBytes({ netns, interface: index });
  const names = (...records: Uint8Array[]) => decode(batch(...records)).map((record) => record.interfaceName);
  t.deepEqual(names(at(1, 0), at(1, 1), at(1, 7)), [undefined, 'lo', undefined]);
  t.deepEqual(names(interfaceBytes(1, 7, 'eth0'), at(1, 7), at(2, 7), at(1, 7)), ['eth0', undefined, 'eth0']);
  t.deepEqual(names(interfaceBytes(1, 7, 'wan'), at(1, 7)), ['wan']);
});

test('all records have the same properties in the same order, so that what reads them is compiled once', (t) => {
  const { decode } = createDecoder({ ledger: new Ledger(), onProcess: () => {}, describe: () => undefined });
  const flow = new Uint8Array(sfFlow.size);
  flow[sfFlow.kind] = sfKind.flow;
  new DataView(flow.buffer).setUint16(sfFlow.length, sfFlow.size, true);
  const events = [sfEvent.open, sfEvent.end, sfEvent.update, sfEvent.retransmit, sfEvent.resetSent, sfEvent.dropSent];
  const records = decode(batch(...events.map((event) => connectionBytes({ event })), flow));
  t.is(records.length, events.length + 1);
  for (const record of records) t.deepEqual(Object.keys(record), Object.keys(records[0] ?? {}));
});
