/** A real API server over a real etcd, on the loopback: no controllers, so what is there is what the test has put there. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './collector.ts';
import type { Namespace } from './netns.ts';
import { finished, TIED, tearDown } from './processes.ts';

const programs = join(import.meta.dirname, '../../.cache');

export interface ApiServer {
  readonly url: string;
  /** PEM file. */
  readonly ca: string;
  /** As the administrator. Throws when the status is none of success. */
  call(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** A new token of a service account. */
  token(namespace: string, account: string): Promise<string>;
  /** A kubeconfig that reads its token from that file. */
  kubeconfig(tokenFile: string): string;
  /** The kubeconfig of the administrator. */
  readonly admin: string;
  /** The key that tokens of service accounts are signed with. */
  readonly accountKey: string;
  /** Ends the API server and starts it again, on the same etcd. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const ADMIN = 'token-of-the-administrator';

/** `netns`: where it listens, instead of the host's loopback. */
export async function startApiServer(directory: string, netns?: Namespace): Promise<ApiServer> {
  const start: Start = netns ? netns.spawn.bind(netns) : spawn;
  const relay = netns && join(directory, 'api.sock');
  const file = (name: string) => join(directory, name);
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  makeKeys(file);
  writeFileSync(file('admin'), ADMIN);
  writeFileSync(file('tokens'), `${ADMIN},admin,1,"system:masters"\n`);
  const etcd = launch(start, 'etcd', file('etcd.log'), [
    `--data-dir=${file('etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
  ]);
  const serverArguments = [
    'kube-apiserver',
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--tls-cert-file=${file('server.crt')}`,
    `--tls-private-key-file=${file('server.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('accounts.key')}`,
    `--service-account-signing-key-file=${file('accounts.key')}`,
    `--token-auth-file=${file('tokens')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
    '--allow-privileged=true',
  ];
  let server = launch(start, 'kubernetes', file('apiserver.log'), serverArguments);
  const relaying = netns && relay ? startRelay(netns, relay, port) : undefined;
  const url = `https://127.0.0.1:${port}`;
  const ca = file('server.crt');
  const call: ApiServer['call'] = (method, path, body) => ask({ url, ca, relay }, method, path, body);
  const stop = async () => {
    // etcd last: an API server without it takes long to end.
    await tearDown(
      () => end(server),
      () => end(etcd),
      () => relaying && end(relaying),
    );
  };
  const kubeconfig: ApiServer['kubeconfig'] = (tokenFile) => {
    const name = `${tokenFile}.kubeconfig`;
    const cluster = { server: url, 'certificate-authority': ca };
    const contexts = [{ name: 'c', context: { cluster: 'k', user: 'u' } }];
    const users = [{ name: 'u', user: { tokenFile } }];
    writeFileSync(
      name,
      JSON.stringify({ 'current-context': 'c', contexts, clusters: [{ name: 'k', cluster }], users }),
    );
    return name;
  };
  try {
    await untilReady(call, server);
  } catch (cause) {
    await stop();
    throw new Error(`no API server:\n${readFileSync(file('apiserver.log'), 'utf8').slice(-3000)}`, { cause });
  }
  return {
    url,
    ca,
    call,
    async token(namespace, account) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      const { status } = await call('POST', path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {},
      });
      return (status as { token: string }).token;
    },
    kubeconfig,
    admin: kubeconfig(file('admin')),
    accountKey: file('accounts.key'),
    async restart() {
      await end(server);
      server = launch(start, 'kubernetes', file('apiserver.log'), serverArguments);
      await untilReady(call, server);
    },
    stop,
  };
}

/** Makes what listens on the loopback of a network namespace reachable from everywhere, by a unix socket. */
function startRelay(netns: Namespace, socket: string, port: number): ChildProcess {
  const script = `const { connect, createServer } = require('node:net');
    createServer((from) => {
      const to = connect(${port}, '127.0.0.1', () => from.pipe(to).pipe(from));
      from.on('error', () => to.destroy());
      to.on('error', () => from.destroy());
    }).listen(${JSON.stringify(socket)});`;
  const [file, ...args] = [...TIED, process.execPath, '-e', script];
  return netns.spawn(file, args, { stdio: 'ignore' });
}

export async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const overdue = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await finished(child);
  clearTimeout(overdue);
}

function makeKeys(file: (name: string) => string): void {
  const subject = ['-subj', '/CN=sockflow-test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-keyout', file('server.key'), '-out', file('server.crt')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...made], {
    stdio: 'ignore',
  });
  execFileSync('openssl', ['genrsa', '-out', file('accounts.key'), '2048'], { stdio: 'ignore' });
}

type Start = (file: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/** One of the programs of these tests; what it says goes into a file. */
export function launch(
  start: Start,
  name: 'etcd' | 'kubernetes',
  logFile: string,
  args: readonly string[],
): ChildProcess {
  const log = openSync(logFile, 'w');
  const [file, ...rest] = [...TIED, join(programs, name), ...args];
  const child = start(file, rest, { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

async function untilReady(call: ApiServer['call'], server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    try {
      // Its rights are known only by then.
      await call('GET', '/readyz');
      await call('GET', '/api/v1/namespaces/default');
      return;
    } catch (error) {
      if (server.exitCode !== null || Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

interface Way {
  readonly url: string;
  readonly ca: string;
  /** Unix socket of a relay to where the URL leads. */
  readonly relay: string | undefined;
}

function ask({ url, ca, relay }: Way, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': type };
    const sent = request(
      `${url}${path}`,
      { method, ca: readFileSync(ca), headers, timeout: 20_000, socketPath: relay },
      async (response) => {
        try {
          let text = '';
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
          const { statusCode = 0 } = response;
          if (statusCode >= 300) reject(new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`));
          else resolve((text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>);
        } catch (error) {
          reject(error);
        }
      },
    );
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)));
    sent.end(body && JSON.stringify(body));
  });
}
