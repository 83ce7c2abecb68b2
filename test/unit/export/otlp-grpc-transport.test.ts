/** The gRPC transport against servers of HTTP/2 that do what libraries do and what they should not. */
import { once } from 'node:events';
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { OtlpOptions } from '../../../src/export/otlp/settings.ts';
import { createTransport, type Transport } from '../../../src/export/otlp/transport.ts';
import { encodeResponse } from '../../support/otlp-decode.ts';
import { eventually } from '../../support/processes.ts';

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, number: number) => void;

interface Rig {
  readonly transport: Transport;
  readonly sessions: ServerHttp2Session[];
}

async function rig(t: ExecutionContext, handle: Handler, options: OtlpOptions = {}): Promise<Rig> {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  let number = 0;
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    handle(stream, headers, number++);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = createTransport({ endpoint, protocol: 'grpc', timeoutMs: 30_000, ...options }, 'LOGS');
  t.teardown(() => {
    transport.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { transport, sessions };
}

const request = Uint8Array.of(0x0a, 0x00);
const grpc = { ':status': 200, 'content-type': 'application/grpc' };

function frame(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Takes the whole request, then answers. */
async function reply(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  stream.respond(grpc, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
  return Buffer.concat(parts);
}

const ok = (stream: ServerHttp2Stream) => reply(stream, frame(encodeResponse()), { 'grpc-status': '0' });

test('what is sent is one message of gRPC', async (t) => {
  const seen = Promise.withResolvers<{ headers: IncomingHttpHeaders; body: Buffer }>();
  const handle: Handler = async (stream, headers) => seen.resolve({ headers, body: await ok(stream) });
  const { transport } = await rig(t, handle, { headers: { 'x-tenant': 'blue', te: 'x', 'user-agent': 'x' } });
  t.deepEqual(await transport.send(request), { status: 'accepted', rejected: 0, message: '' });
  const { headers, body } = await seen.promise;
  t.deepEqual(body, frame(request));
  t.like(headers, {
    ':path': '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    ':scheme': 'http',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    'x-tenant': 'blue',
  });
  t.regex(headers['user-agent'] ?? '', /^sockflow\/\d/);
  t.regex(String(headers['grpc-timeout']), /^\d{4,5}m$/);
});

test('a time limit of days is told in seconds, since eight digits are all that fit', async (t) => {
  const seen = Promise.withResolvers<unknown>();
  const handle: Handler = (stream, headers) => {
    seen.resolve(headers['grpc-timeout']);
    void ok(stream);
  };
  const { transport } = await rig(t, handle, { timeoutMs: 2 ** 31 - 1 });
  await transport.send(request);
  t.regex(String(await seen.promise), /^214748[34]S$/);
});

for (const isCompressed of [false, true])
  test(`a partial success is read${isCompressed ? ', compressed as well' : ''}`, async (t) => {
    const response = encodeResponse(3, 'too old');
    const body = isCompressed ? frame(gzipSync(response), true) : frame(response);
    const { transport } = await rig(t, (stream) => void reply(stream, body, { 'grpc-status': '0' }));
    t.deepEqual(await transport.send(request), { status: 'accepted', rejected: 3, message: 'too old' });
  });

const odd: Readonly<Record<string, Buffer>> = {
  'no message': Buffer.alloc(0),
  'half a message': frame(encodeResponse(3, 'too old')).subarray(0, 9),
  'no gzip where it should be': frame(encodeResponse(3, 'too old'), true),
  'more than any answer has': frame(Buffer.alloc(2 ** 20)),
  'a bomb': frame(gzipSync(Buffer.alloc(2 ** 26)), true),
};
for (const [name, body] of Object.entries(odd))
  test(`an answer that is ${name} says nothing, and the request was taken all the same`, async (t) => {
    const { transport } = await rig(t, (stream) => void reply(stream, body, { 'grpc-status': '0' }));
    t.deepEqual(await transport.send(request), { status: 'accepted', rejected: 0, message: '' });
  });

test('a status without a body, and words that are encoded or not', async (t) => {
  const said = ['caf%C3%A9%0Aline 2', '100% full', ''];
  const { transport } = await rig(t, (stream, _, number) => {
    const message = said[number] as string;
    stream.respond({ ...grpc, 'grpc-status': '13', 'grpc-message': message }, { endStream: true });
  });
  for (const words of ['café', '100% full', ''])
    t.like(await transport.send(request), { status: 'drop', reason: 'internal', message: `INTERNAL: ${words}` });
});

test('a status that comes before all of the request was sent counts', async (t) => {
  const { transport } = await rig(t, (stream) => {
    stream.respond(
      { ...grpc, 'grpc-status': '8', 'grpc-message': 'received message larger than max' },
      { endStream: true },
    );
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  t.like(await transport.send(new Uint8Array(2 ** 22)), { status: 'split', reason: 'resource_exhausted' });
});

test('an answer without a status is none', async (t) => {
  const { transport } = await rig(t, async (stream) => {
    stream.resume();
    stream.respond(grpc);
    stream.end(frame(encodeResponse()));
  });
  t.like(await transport.send(request), { status: 'retry', reason: 'unavailable' });
});

for (const [name, code, reason] of [
  ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR, 'unavailable'],
  ['CANCEL', constants.NGHTTP2_CANCEL, 'unavailable'],
  ['ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM, 'resource_exhausted'],
] as const)
  test(`a stream that is reset with ${name} is tried again later`, async (t) => {
    const { transport } = await rig(t, (stream) => stream.close(code));
    t.like(await transport.send(request), { status: 'retry', reason });
  });

test('a call that the server did not begin with is made again at once, once', async (t) => {
  const refuse = (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
  const { transport } = await rig(t, (stream, _, number) =>
    number === 0 || number > 1 ? refuse(stream) : void ok(stream),
  );
  t.like(await transport.send(request), { status: 'accepted' });
  t.like(await transport.send(request), { status: 'retry', reason: 'unavailable' });
});

test('a server that goes away in order finishes what it has, and the next call has a new connection', async (t) => {
  const { transport, sessions } = await rig(t, (stream, _, number) => {
    if (number === 0) stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
    setTimeout(() => void ok(stream), 20);
  });
  t.like(await transport.send(request), { status: 'accepted' });
  t.like(await transport.send(request), { status: 'accepted' });
  t.is(sessions.length, 2);
});

test('one connection carries all calls, as large as they may be', async (t) => {
  const { transport, sessions } = await rig(t, (stream) => void ok(stream));
  const large = new Uint8Array(3.75 * 2 ** 20);
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => transport.send(large)));
  t.true(outcomes.every(({ status }) => status === 'accepted'));
  t.is(sessions.length, 1);
});

test('what is under way when the connection is renewed ends on the old one', async (t) => {
  const first = Promise.withResolvers<() => void>();
  const { transport, sessions } = await rig(t, (stream, _, number) => {
    if (number === 0) first.resolve(() => void ok(stream));
    else void ok(stream);
  });
  const slow = transport.send(request);
  const finish = await first.promise;
  transport.renew();
  t.like(await transport.send(request), { status: 'accepted' });
  finish();
  t.like(await slow, { status: 'accepted' });
  t.is(sessions.length, 2);
});

test.serial('a renewed connection on which nothing moves is gone when its calls are overdue', async (t) => {
  // Takes connections and reads nothing, so that a large request stays where it is.
  const server = createTcpServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  const connected = once(server, 'connection');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = createTransport({ endpoint, protocol: 'grpc', timeoutMs: 200 }, 'LOGS');
  const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const before = sockets();
  const call = transport.send(new Uint8Array(2 ** 25));
  const [socket] = (await connected) as [Socket];
  t.like(await call, { status: 'retry', message: 'DEADLINE_EXCEEDED: no answer in time' });
  t.is(sockets(), before + 2);
  transport.renew();
  t.is(await eventually('end of the connection', sockets, (count) => count === before + 1), before + 1);
  socket.destroy();
  server.close();
  transport.close();
});

test.serial('the end leaves no connection, not even one that was replaced while a call was on it', async (t) => {
  const called = Promise.withResolvers<void>();
  const { transport, sessions } = await rig(t, () => called.resolve());
  void transport.send(request);
  await called.promise;
  transport.renew();
  transport.close();
  const [session] = sessions as [ServerHttp2Session];
  await eventually(
    'end of the connection',
    () => session.destroyed,
    (isGone) => isGone,
  );
  t.is(sessions.length, 1);
});

test('a header that HTTP/2 does not allow is said', async (t) => {
  const { transport } = await rig(t, (stream) => void ok(stream), { headers: { connection: 'close' } });
  const outcome = await transport.send(request);
  t.is(outcome.status, 'retry');
  t.regex(outcome.message, /HTTP\/1 Connection specific headers are forbidden: "connection"/);
});
