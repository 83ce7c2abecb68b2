/**
 * An OTLP/gRPC server that knows every record and plays a script of faults. A process of its own: started by bench/faults.ts,
 * told by its parent what to play next, and asked for its findings in the end.
 */
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { crc32 } from 'node:zlib';
import { readFields } from '../../src/export/otlp/fields.ts';
import { ok, type Play, retryDetails } from './plays.ts';

/** What is known of each record, by its number: how often it was taken, and a sum of the bytes of the first time. */
const limit = Number(process.argv[2]);
const taken = new Uint8Array(limit);
const sums = new Uint32Array(limit);
const findings = { differing: 0, spurious: 0, rejected: 0, unanswered: new Set<number>() };

let play: Play = { name: 'ok' };
let port = Number(process.argv[3]);
let server: Http2Server | undefined;
const sessions = new Set<ServerHttp2Session>();

/** Records of a request: their numbers, and their bytes. */
function* recordsOf(request: Uint8Array): Generator<readonly [number: number, bytes: Uint8Array]> {
  for (const resource of children(request, 1))
    for (const scope of children(resource, 2))
      for (const record of children(scope, 2)) yield [numberOf(record), record];
}

function* children(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { number, content, end } of readFields(message))
    if (number === wanted) yield message.subarray(content, end);
}

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

function answer(stream: ServerHttp2Stream, message: Uint8Array, trailers: Record<string, string>): void {
  if (stream.destroyed) return;
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(message);
}

function onRequest(stream: ServerHttp2Stream, body: Buffer): void {
  const request = body.subarray(5);
  if (body.length < 5 || request.length !== body.readUInt32BE(1)) return; // the client has given it up
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
  const all = [...recordsOf(request)];
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

function listen(): Promise<void> {
  const fresh = createServer({ settings: { initialWindowSize: 2 ** 23 } });
  server = fresh;
  fresh.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.setLocalWindowSize(2 ** 24);
    session.once('close', () => {
      sessions.delete(session);
      forgetAnswers(session);
    });
  });
  fresh.on('stream', (stream) => {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => onRequest(stream, Buffer.concat(parts)));
  });
  return new Promise((resolve) => {
    fresh.listen(port, '127.0.0.1', () => {
      port = (fresh.address() as { port: number }).port;
      resolve();
    });
  });
}

/** As when it is killed: nobody listens, and all connections are gone. */
function fall(): void {
  server?.close();
  server = undefined;
  for (const session of sessions) session.destroy();
}

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
  if (play.name === 'away') fall();
  else if (!server) await listen();
  // Who was never answered, or too late, comes again.
  if (play.name === 'ok') for (const session of sessions) if (session.closed) session.destroy();
  process.send?.('playing');
});
process.once('disconnect', () => process.exit(0));
await listen();
process.send?.({ port });
