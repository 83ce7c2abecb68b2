/**
 * An OTLP/gRPC server that knows every record and plays a script of faults. A process of its own: started by bench/faults.ts,
 * told by its parent what to play next, and asked for its findings in the end.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { crc32 } from 'node:zlib';
import { answer, Listener, recordsOf } from './listener.ts';
import { ok, type Play, retryDetails } from './plays.ts';

/** What is known of each record, by its number: how often it was taken, and a sum of the bytes of the first time. */
const limit = Number(process.argv[2]);
const taken = new Uint8Array(limit);
const sums = new Uint32Array(limit);
const findings = { differing: 0, spurious: 0, rejected: 0, unanswered: new Set<number>() };

let play: Play = { name: 'ok' };

const UID = Buffer.from('log.record.uid');

/** From the id that the uid begins with. */
function numberOf(record: Uint8Array): number {
  const at = Buffer.from(record.buffer, record.byteOffset, record.length).lastIndexOf(UID) + UID.length + 4;
  const id = Buffer.from(record.subarray(at, at + 16)).toString('latin1');
  return Number(BigInt(`0x${id}`) - 0xfeed000000000000n);
}

/** Answers on the way when their connection ends, by whom ever, may never come. */
const ON_THE_WAY_MS = 1000;
interface Answered {
  readonly at: number;
  readonly numbers: readonly number[];
}
const answered = new WeakMap<ServerHttp2Session, Answered[]>();

function remember(session: ServerHttp2Session | undefined, numbers: readonly number[]): void {
  if (!session) return;
  const at = performance.now();
  const recent = (answered.get(session) ?? []).filter((one) => at - one.at < ON_THE_WAY_MS);
  answered.set(session, [...recent, { at, numbers }]);
}

function forgetAnswers(session: ServerHttp2Session): void {
  const now = performance.now();
  for (const { at, numbers } of answered.get(session) ?? [])
    if (now - at < ON_THE_WAY_MS) for (const number of numbers) findings.unanswered.add(number);
}

/** The last `refused` of them are thrown away. `isKnown`: the client learns that they were taken. */
function keep(all: readonly (readonly [number, Uint8Array])[], isKnown: boolean, refused = 0): void {
  for (const [number, bytes] of all.slice(0, all.length - refused)) {
    if (!(number >= 0 && number < limit)) {
      findings.spurious++;
      continue;
    }
    const sum = crc32(bytes);
    if (taken[number] === 0) sums[number] = sum;
    else if (sums[number] !== sum) findings.differing++;
    taken[number] = Math.min(255, (taken[number] as number) + 1);
    if (!isKnown) findings.unanswered.add(number);
  }
  findings.rejected += Math.min(refused, all.length);
}

function onRequest(request: Uint8Array, stream: ServerHttp2Stream): void {
  const { name } = play;
  if (name === 'unavailable')
    return void answer(stream, Buffer.alloc(0), { 'grpc-status': '14', 'grpc-message': 'scripted' });
  if (name === 'exhausted')
    return void answer(stream, Buffer.alloc(0), { 'grpc-status': '8', 'grpc-message': 'scripted' });
  if (name === 'exhausted with RetryInfo') {
    const details = retryDetails(50).toString('base64');
    return void answer(stream, Buffer.alloc(0), { 'grpc-status': '8', 'grpc-status-details-bin': details });
  }
  if (name === 'black hole') return;
  const all = [...recordsOf(request)].map((record) => [numberOf(record), record] as const);
  if (name === 'slow') {
    keep(all, false);
    setTimeout(() => answer(stream, ok(0), { 'grpc-status': '0' }), 3000).unref();
    return;
  }
  if (name === 'acknowledgement lost') {
    keep(all, false);
    stream.session?.destroy();
    return;
  }
  const refused = name === 'partial success' ? 7 : 0;
  keep(all, true, refused);
  remember(
    stream.session as ServerHttp2Session | undefined,
    all.map(([number]) => number),
  );
  answer(stream, ok(Math.min(refused, all.length)), { 'grpc-status': '0' });
  if (name === 'goaway') stream.session?.goaway(0, stream.id);
}

const listener = new Listener({ onRequest, onGone: forgetAnswers });

process.on('message', async (message: Play | 'findings') => {
  if (message === 'findings') {
    const doubled = taken.reduce((sum, count) => sum + (count > 1 ? 1 : 0), 0);
    const unexplained = taken.reduce(
      (sum, count, number) => sum + (count > 1 && !findings.unanswered.has(number) ? 1 : 0),
      0,
    );
    const arrived = taken.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
    process.send?.({ ...findings, unanswered: findings.unanswered.size, doubled, unexplained, arrived });
    return;
  }
  play = message;
  if (play.name === 'away') listener.fall();
  else if (!listener.isThere) await listener.come();
  process.send?.('playing');
});
process.once('disconnect', () => process.exit(0));
await listener.come();
process.send?.({ port: listener.port });
