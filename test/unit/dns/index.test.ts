import test, { type ExecutionContext } from 'ava';
import type { DnsPacket } from '../../../src/capture/dns.ts';
import { directFiles } from '../../../src/capture/process-files.ts';
import { createNames } from '../../../src/dns/index.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { address, name as labels, message, pointer } from '../../support/dns-message.ts';
import { dnsPacket } from '../../support/dns-packet.ts';
import { createFakeProc } from '../../support/fake-proc.ts';
import { makeProcess, makeRecord } from '../../support/otlp-records.ts';

const SECOND = 1_000_000_000n;
const ENDED = { error: 0, established: true, dialled: true, attempt: false, late: false };
const ADDRESS = '10.0.0.1';
const curl = makeProcess(7, { pid: 7, serial: 3 });
const wget = makeProcess(8, { pid: 8, serial: 4 });

function start(t: ExecutionContext) {
  const ledger = new Ledger();
  const proc = createFakeProc(t);
  const all = new Map([curl, wget].map((process) => [process.serial, process]));
  const names = createNames({
    ledger,
    files: directFiles(proc.directory),
    findProcess: (_, serial) => all.get(serial),
  });
  let ids = 0;
  /** A process looks a name up at this second; the address is good for 30 s. */
  const lookUp = (question: string, seconds: number, by = curl, packet: Partial<DnsPacket> = {}) => {
    const id = ids++;
    const { pid, serial } = by;
    const time = BigInt(seconds) * SECOND;
    const answers = [address(pointer(12), ADDRESS, 30)];
    names.learn(dnsPacket({ pid, serial, time, bytes: message({ id, question, isAnswer: false }), ...packet }));
    names.learn(dnsPacket({ isAnswer: true, time, bytes: message({ id, question, answers }), ...packet }));
  };
  const nameOf = (changes: Partial<ConnectionRecord> & { number?: number; at?: number } = {}) => {
    const { number = ids++ + 100, at = 10, ...rest } = changes;
    const startTime = BigInt(at) * SECOND;
    const record = makeRecord(number, { peerAddress: ADDRESS, networkNamespace: 1, process: curl, startTime, ...rest });
    names.name(record);
    return record.peerName;
  };
  return { ledger, proc, names, lookUp, nameOf };
}

test('what the process itself looked up comes first, then its hosts file, then what others looked up', (t) => {
  const { proc, lookUp, nameOf } = start(t);
  lookUp('by-wget.example', 1, wget);
  t.is(nameOf(), 'by-wget.example');
  proc.put(7, { networkNamespace: 1, root: proc.root({ hosts: `${ADDRESS} written.example` }) });
  t.is(nameOf({ process: makeProcess(7, { pid: 7, serial: 5 }) }), 'written.example');
  lookUp('by-curl.example', 2);
  t.is(nameOf(), 'by-curl.example');
  t.is(nameOf({ process: wget }), 'by-wget.example');
});

test('only who dials has looked it up, and not what was looked up afterwards', (t) => {
  const { lookUp, nameOf } = start(t);
  lookUp('web.example', 5);
  t.is(nameOf({ role: 'server' }), undefined);
  t.is(nameOf({ at: 4 }), undefined);
  t.is(nameOf({ at: 5 }), 'web.example');
  t.is(nameOf({ networkNamespace: 2 }), undefined);
});

test('a connection that is older than the agent has no name by DNS, one by the hosts file', (t) => {
  const { proc, lookUp, nameOf } = start(t);
  lookUp('web.example', 1);
  t.is(nameOf({ preExisting: true }), undefined);
  proc.put(9, { networkNamespace: 1, root: proc.root({ hosts: `${ADDRESS} written.example` }) });
  t.is(nameOf({ preExisting: true, process: makeProcess(9, { pid: 9, serial: 9 }) }), 'written.example');
});

test('a translated address has the name of what was dialled', (t) => {
  const { lookUp, nameOf } = start(t);
  lookUp('web.example', 1);
  t.is(nameOf({ peerAddress: '10.9.9.9', natOriginal: { address: ADDRESS, port: 80 } }), 'web.example');
});

test('a connection keeps its name until its end', (t) => {
  const { lookUp, nameOf } = start(t);
  const open = { number: 1, at: 2, event: 'open', end: undefined } as const;
  lookUp('first.example', 1);
  t.is(nameOf(open), 'first.example');
  // More than are remembered of one address.
  for (let index = 0; index < 5; index++) lookUp(`other${index}.example`, 2);
  t.is(nameOf({ ...open, event: 'update' }), 'first.example');
  t.is(nameOf({ number: 1, at: 2, end: ENDED }), 'first.example');
  t.is(nameOf({ ...open, at: 2 }), 'other4.example', 'after its end nothing is kept of it');
});

test('look-ups are taken once, those without an answer when their time is over', (t) => {
  const { names, lookUp } = start(t);
  lookUp('web.example', 1);
  names.learn(dnsPacket({ time: SECOND, bytes: message({ id: 99, question: 'silent.example', isAnswer: false }) }));
  const taken = (seconds: number) =>
    names.takeLookups(BigInt(seconds) * SECOND).map(({ questionName, errorType }) => [questionName, errorType]);
  t.deepEqual(taken(2), [['web.example', undefined]]);
  t.deepEqual(taken(2), []);
  t.deepEqual(taken(6), [['silent.example', 'timeout']]);
});

test('over TCP, too, however the stream is cut', (t) => {
  const { names, nameOf } = start(t);
  const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  const question = framed(message({ question: 'web.example', isAnswer: false }));
  const answer = framed(message({ question: 'web.example', answers: [address(pointer(12), ADDRESS, 30)] }));
  const tcp = { transport: 'tcp', pid: 7, serial: 3 } as const;
  names.learn(dnsPacket({ ...tcp, bytes: question }));
  names.learn(dnsPacket({ ...tcp, isAnswer: true, bytes: answer.subarray(0, 20) }));
  t.is(nameOf(), undefined);
  names.learn(dnsPacket({ ...tcp, isAnswer: true, position: 20, bytes: answer.subarray(20) }));
  t.is(nameOf(), 'web.example');
});

test('what cannot be understood or was not asked for is counted and names nothing', (t) => {
  const { ledger, names, nameOf } = start(t);
  const answer = message({ question: 'web.example', answers: [address(labels('web.example'), ADDRESS, 30)] });
  names.learn(dnsPacket({ isAnswer: true, bytes: answer }));
  t.deepEqual([...ledger.faults], [['correlate/dns_stray_answer', 1]]);
  names.learn(dnsPacket({ isAnswer: true, bytes: answer.subarray(0, 13) }));
  names.learn(dnsPacket({ isCut: true, bytes: message({ question: 'web.example', isAnswer: false }) }));
  names.learn(dnsPacket({ isAnswer: false, bytes: answer }));
  t.is(ledger.faults.get('correlate/dns_malformed'), 3);
  t.is(nameOf(), undefined);
});
