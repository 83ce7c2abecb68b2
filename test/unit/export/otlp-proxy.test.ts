/** OTLP through a proxy that the environment names. */
import { readFileSync } from 'node:fs';
import { ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { findProxy } from '../../../src/export/otlp/proxy.ts';
import { createTransport, type OtlpOptions } from '../../../src/export/otlp/transport.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { startConnectProxy } from '../../support/connect-proxy.ts';
import { startOtlpServer } from '../../support/otlp-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const request = Uint8Array.of(0x0a, 0x00);

const cases: readonly (readonly [url: string, env: Record<string, string>, proxy: string | undefined])[] = [
  ['http://collector:4317', {}, undefined],
  ['http://collector:4317', { http_proxy: 'http://p:3128' }, 'p:3128'],
  ['http://collector:4317', { HTTP_PROXY: 'http://p:3128' }, 'p:3128'],
  ['http://collector:4317', { http_proxy: 'http://small:1', HTTP_PROXY: 'http://large:1' }, 'small:1'],
  ['http://collector:4317', { https_proxy: 'http://p:3128' }, undefined],
  ['https://collector:4317', { https_proxy: 'http://p:3128' }, 'p:3128'],
  ['https://collector:4317', { http_proxy: 'http://p:3128' }, undefined],
  ['https://collector:4317', { grpc_proxy: 'http://g:1', https_proxy: 'http://p:3128' }, 'g:1'],
  ['http://collector:4317', { http_proxy: 'p' }, undefined],
  ['http://collector:4317', { http_proxy: 'socks5://p:1' }, undefined],
  ['unix:///run/otlp.sock', { http_proxy: 'http://p:3128' }, undefined],
];
for (const [url, env, proxy] of cases)
  test(`${url} with ${JSON.stringify(env)}: ${proxy ?? 'no proxy'}`, (t) => {
    t.is(findProxy(new URL(url), env)?.host, proxy);
  });

const exceptions: readonly (readonly [list: string, url: string, isExcepted: boolean])[] = [
  ['*', 'http://collector:4317', true],
  ['collector', 'http://collector:4317', true],
  ['Collector', 'http://collector:4317', true],
  ['a, example.com ,b', 'http://otlp.example.com:4317', true],
  ['.example.com', 'http://otlp.example.com:4317', true],
  ['*.example.com', 'http://otlp.example.com:4317', true],
  ['example.com', 'http://notexample.com:4317', false],
  ['example.com:4317', 'http://example.com:4317', true],
  ['example.com:4318', 'http://example.com:4317', false],
  ['10.1.2.3', 'http://10.1.2.3:4317', true],
  ['10.0.0.0/8', 'http://10.1.2.3:4317', true],
  ['10.0.0.0/8', 'http://11.1.2.3:4317', false],
  ['10.0.0.0/99', 'http://10.1.2.3:4317', false],
  ['10.0.0.0/8', 'http://collector:4317', false],
  ['fd00::/8', 'http://[fd00::1]:4317', true],
  ['fd00::1', 'http://[fd00::1]:4317', true],
  ['fd00::/8', 'http://10.1.2.3:4317', false],
  ['', 'http://collector:4317', false],
];
for (const [list, url, isExcepted] of exceptions)
  for (const name of ['no_proxy', 'NO_PROXY', 'no_grpc_proxy'])
    test(`${name}=${list}: ${url} is ${isExcepted ? '' : 'not '}asked without a proxy`, (t) => {
      t.is(findProxy(new URL(url), { http_proxy: 'http://p:1', [name]: list }) === undefined, isExcepted);
    });

/** Sends one request by way of a proxy that is in the environment meanwhile. */
async function sendThrough(proxy: string, options: OtlpOptions) {
  process.env.grpc_proxy = proxy;
  const transport = createTransport({ protocol: 'grpc', timeoutMs: 20_000, ...options }, 'LOGS');
  try {
    return await transport.send(request);
  } finally {
    delete process.env.grpc_proxy;
    transport.close();
  }
}

test.serial('gRPC goes through it, with its user and password', async (t) => {
  const [server, proxy] = [await startOtlpServer(), await startConnectProxy()];
  t.teardown(() => [server, proxy].forEach((one) => void one.stop()));
  const outcome = await sendThrough(`http://me:pass%20word@127.0.0.1:${proxy.port}`, { endpoint: server.endpoint });
  t.like(outcome, { status: 'accepted' });
  const authorization = `Basic ${Buffer.from('me:pass word').toString('base64')}`;
  t.deepEqual(proxy.tunnels, [{ target: new URL(server.endpoint).host, authorization }]);
  t.is(server.accepted.length, 1);
});

test.serial('gRPC with TLS, too, and it is the server that is checked', async (t) => {
  const directory = temporaryDirectory(t);
  const authority = makeAuthority(directory);
  const { cert, key } = authority.issue('server');
  const pair = { cert_chain: readFileSync(cert), private_key: readFileSync(key) };
  const server = await startOtlpServer({ credentials: ServerCredentials.createSsl(null, [pair]) });
  const proxy = await startConnectProxy();
  t.teardown(() => [server, proxy].forEach((one) => void one.stop()));
  const endpoint = server.endpoint.replace('http://127.0.0.1', 'https://localhost');
  const through = `http://127.0.0.1:${proxy.port}`;
  t.like(await sendThrough(through, { endpoint, certificate: authority.cert }), { status: 'accepted' });
  const other = makeAuthority(directory, 'other');
  t.like(await sendThrough(through, { endpoint, certificate: other.cert }), { status: 'retry' });
  t.is(server.accepted.length, 1);
  t.is(proxy.tunnels.length, 2);
});

test.serial('a proxy that refuses, is none, or is not there is named, and asked again later', async (t) => {
  const refusing = await startConnectProxy(407);
  t.teardown(() => refusing.stop());
  const endpoint = 'http://collector:4317';
  const refused = await sendThrough(`http://127.0.0.1:${refusing.port}`, { endpoint });
  const message = `UNAVAILABLE: the proxy 127.0.0.1:${refusing.port} answers HTTP 407`;
  t.like(refused, { status: 'retry', reason: 'unavailable', message });
  const absent = await sendThrough('http://127.0.0.1:1', { endpoint });
  t.like(absent, { status: 'retry', reason: 'unavailable' });
  t.regex('message' in absent ? absent.message : '', /the proxy 127\.0\.0\.1:1: .*ECONNREFUSED/);
});
