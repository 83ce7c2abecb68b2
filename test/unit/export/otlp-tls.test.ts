import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { CertificateFiles } from '../../../src/export/otlp/certificates.ts';
import { createOtlpLogsExporter } from '../../../src/export/otlp/logs.ts';
import type { OtlpOptions, Protocol } from '../../../src/export/otlp/settings.ts';
import { createTransport, type Outcome, type Transport } from '../../../src/export/otlp/transport.ts';
import { Ledger } from '../../../src/ledger.ts';
import { type Authority, makeAuthority, type Pair, replaceFile } from '../../support/certificates.ts';
import { table } from '../../support/otlp-both-ways.ts';
import { decodeLogs } from '../../support/otlp-decode.ts';
import { startOtlpHttpServer } from '../../support/otlp-http-server.ts';
import { host, makeRecord } from '../../support/otlp-records.ts';
import { startOtlpServer } from '../../support/otlp-server.ts';
import { eventually } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const request = Uint8Array.of(0x0a, 0x00);

interface Server {
  readonly endpoint: string;
  /** Of the requests that were taken. */
  bodies(): readonly Uint8Array[];
  stop(): void;
}

/** A server with the certificate `own` that lets in who has one of `clients`. */
async function serve(protocol: Protocol, own: Pair, clients: Authority, requireClient: boolean): Promise<Server> {
  const [ca, cert, key] = [clients.cert, own.cert, own.key].map((file) => readFileSync(file)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  if (protocol !== 'grpc') {
    const tls = { ca, cert, key, requestCert: requireClient, rejectUnauthorized: requireClient };
    const { requests, ...server } = await startOtlpHttpServer({ tls });
    return { ...server, bodies: () => requests.map(({ body }) => body) };
  }
  const credentials = ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], requireClient);
  const { endpoint, stop, accepted: all } = await startOtlpServer({ credentials });
  return { bodies: () => all, endpoint: endpoint.replace('http:', 'https:').replace('127.0.0.1', 'localhost'), stop };
}

interface Rig {
  readonly server: Server;
  readonly authority: Authority;
  readonly client: Pair;
  readonly directory: string;
  connect(options: OtlpOptions): Transport;
  sendOnce(options: OtlpOptions): Promise<Outcome>;
}

async function rig(t: ExecutionContext, protocol: Protocol, { days = 2, requireClient = false } = {}): Promise<Rig> {
  const directory = temporaryDirectory(t);
  const authority = makeAuthority(directory);
  const server = await serve(protocol, authority.issue('server', days), authority, requireClient);
  t.teardown(() => server.stop());
  const connect = (options: OtlpOptions) => {
    const transport = createTransport({ endpoint: server.endpoint, protocol, timeoutMs: 5000, ...options }, 'LOGS');
    t.teardown(() => transport.close());
    return transport;
  };
  return {
    server,
    authority,
    client: authority.issue('client'),
    directory,
    connect,
    sendOnce: (o) => connect(o).send(request),
  };
}

const accepted = { status: 'accepted' } as const;

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  test(`${protocol}: a server whose certificate is vouched for gets the request`, async (t) => {
    const { authority, sendOnce } = await rig(t, protocol);
    t.like(await sendOnce({ certificate: authority.cert }), accepted);
  });

  test(`${protocol}: a server that is vouched for by somebody else does not`, async (t) => {
    const { directory, sendOnce } = await rig(t, protocol);
    const other = makeAuthority(directory, 'other');
    const outcome = await sendOnce({ certificate: other.cert });
    t.is(outcome.status, 'retry');
    t.regex(outcome.message, /unable to verify|self.signed|issuer/i);
  });

  test(`${protocol}: nor does one whose certificate has expired`, async (t) => {
    const { authority, sendOnce } = await rig(t, protocol, { days: -1 });
    const outcome = await sendOnce({ certificate: authority.cert });
    t.is(outcome.status, 'retry');
    t.regex(outcome.message, /expired/i);
  });

  test(`${protocol}: a server that wants to know the agent gets its certificate`, async (t) => {
    const { authority, client, sendOnce } = await rig(t, protocol, { requireClient: true });
    const trust = { certificate: authority.cert };
    t.like(await sendOnce({ ...trust, clientCertificate: client.cert, clientKey: client.key }), accepted);
    t.like(await sendOnce(trust), { status: 'retry' });
  });

  test(`${protocol}: certificates that are replaced are used without a new start`, async (t) => {
    const { authority, client, directory, connect } = await rig(t, protocol, { requireClient: true });
    const stranger = makeAuthority(directory, 'stranger').issue('client');
    const files = { cert: join(directory, 'used.pem'), key: join(directory, 'used.key') };
    copyFileSync(stranger.cert, files.cert);
    copyFileSync(stranger.key, files.key);
    const transport = connect({
      certificate: authority.cert,
      clientCertificate: files.cert,
      clientKey: files.key,
    });
    t.like(await transport.send(request), { status: 'retry' });
    replaceFile(files.key, client.key);
    replaceFile(files.cert, client.cert);
    const outcome = await eventually(
      'request that is accepted',
      () => transport.send(request),
      ({ status }) => status === 'accepted',
    );
    t.like(outcome, accepted);
  });
}

/** uids of the records in these requests. */
function uidsIn(bodies: readonly Uint8Array[]): Set<unknown> {
  const items = bodies.flatMap(decodeLogs).flatMap(({ scopes }) => scopes.flatMap((scope) => scope.items));
  return new Set(items.map(({ attributes }) => attributes['log.record.uid']?.value));
}

for (const protocol of ['grpc', 'http/protobuf'] as const)
  test(`${protocol}: certificates that are replaced again and again under load lose no record`, async (t) => {
    const { authority, server, client, directory } = await rig(t, protocol, { requireClient: true });
    const files = { cert: join(directory, 'used.pem'), key: join(directory, 'used.key') };
    const use = ({ cert, key }: Pair) => {
      replaceFile(files.key, key);
      replaceFile(files.cert, cert);
    };
    use(client);
    const ledger = new Ledger();
    const common = {
      endpoint: server.endpoint,
      protocol,
      host,
      attributes: table,
      flushMs: 5,
      retryMs: [5, 50] as const,
    };
    const tls = { certificate: authority.cert, clientCertificate: files.cert, clientKey: files.key };
    const exporter = createOtlpLogsExporter({ ...common, ...tls }, ledger, (message) => t.log(message));
    let made = 0;
    const load = setInterval(() => {
      exporter.export(Array.from({ length: 20 }, () => makeRecord(made++)));
    }, 10);
    // They are looked at once a second.
    for (let round = 0; round < 4; round++) {
      await sleep(1_100);
      use(authority.issue('client'));
    }
    await sleep(1_100);
    clearInterval(load);
    await exporter.shutdown(performance.now() + 60_000);
    t.deepEqual(ledger.lost, []);
    t.is(ledger.sent.get('otlp-logs'), made);
    t.is(uidsIn(server.bodies()).size, made);
  });

const named = (path: string) => ({ path, source: '--otlp-x' });

test('files that are no good leave the old certificates in force, and that is said once', (t) => {
  const directory = temporaryDirectory(t);
  const authority = makeAuthority(directory);
  const { cert, key } = authority.issue('client');
  const sources = { certificate: named(authority.cert), clientCertificate: named(cert), clientKey: named(key) };
  const said: string[] = [];
  const files = new CertificateFiles(sources, (message) => said.push(message), 0);
  const { current } = files;
  t.false(files.refresh());
  const whole = readFileSync(cert);
  writeFileSync(cert, 'rubbish');
  t.false(files.refresh());
  t.false(files.refresh());
  t.is(files.current, current);
  t.is(said.length, 1);
  t.regex(said[0] as string, /old ones stay in use: --otlp-x expects a PEM file/);
  writeFileSync(cert, whole);
  t.true(files.refresh());
  t.deepEqual(files.current, current);
});

test('a certificate without its key, a file that is not there and one that is none are refused at the start', (t) => {
  const directory = temporaryDirectory(t);
  const authority = makeAuthority(directory);
  const create = (options: OtlpOptions) => () =>
    createTransport({ endpoint: 'https://localhost:1', ...options }, 'LOGS');
  t.throws(create({ clientCertificate: authority.cert }), { message: /expects a certificate and its key/ });
  t.throws(create({ certificate: join(directory, 'no.pem') }), { message: /--otlp-certificate.*no\.pem.*ENOENT/ });
  writeFileSync(join(directory, 'text.pem'), 'hello');
  t.throws(create({ certificate: join(directory, 'text.pem') }), { message: /--otlp-certificate expects a PEM file/ });
});
