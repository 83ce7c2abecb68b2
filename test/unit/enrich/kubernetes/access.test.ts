import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { inClusterAccess, kubeconfigAccess } from '../../../../src/enrich/kubernetes/access.ts';
import { StartError } from '../../../../src/errors.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function config(cluster: string, user: string, context = 'c'): string {
  return `
apiVersion: v1
kind: Config
current-context: ${context}
contexts: [{ name: c, context: { cluster: k, user: u } }]
clusters: [{ name: k, cluster: ${cluster} }]
users: [{ name: u, user: ${user} }]
`;
}

test("a pod's service account is used, and its token is read anew each time", (t) => {
  const account = temporaryDirectory(t);
  writeFileSync(join(account, 'token'), 'one\n');
  writeFileSync(join(account, 'ca.crt'), 'CA');
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  const access = inClusterAccess(env, account);
  t.is(access?.server, 'https://[fd00::1]:6443');
  t.deepEqual(access?.credentials(), { token: 'one', ca: 'CA' });
  writeFileSync(join(account, 'token'), 'two\n');
  t.is(access?.credentials().token, 'two');
});

test('outside of a pod, and in one without a token, there is no access', (t) => {
  const account = temporaryDirectory(t);
  t.is(inClusterAccess({}, account), undefined);
  t.is(inClusterAccess({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, account), undefined);
});

test('a kubeconfig has its data inside or in files beside it', (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'pki'));
  writeFileSync(join(directory, 'pki/ca.crt'), 'CA');
  writeFileSync(join(directory, 'token'), 'secret\n');
  const file = join(directory, 'config');
  writeFileSync(
    file,
    config(
      '{ server: "https://k:6443/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes }',
      `{ client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')}, tokenFile: token, token: unused }`,
    ),
  );
  const access = kubeconfigAccess(file);
  t.is(access.server, 'https://k:6443');
  t.deepEqual(access.credentials(), {
    token: 'secret',
    ca: 'CA',
    cert: 'CERT',
    key: 'KEY',
    servername: 'kubernetes',
    rejectUnauthorized: true,
  });
});

test('a kubeconfig may be JSON, and may say that the server is not to be checked', (t) => {
  const file = join(temporaryDirectory(t), 'config');
  const cluster = { server: 'https://k:6443', 'insecure-skip-tls-verify': true };
  const contexts = [{ name: 'c', context: { cluster: 'k', user: 'u' } }];
  const users = [{ name: 'u', user: { token: 'x' } }];
  const all = { 'current-context': 'c', contexts, clusters: [{ name: 'k', cluster }], users };
  writeFileSync(file, JSON.stringify(all));
  t.is(kubeconfigAccess(file).credentials().rejectUnauthorized, false);
});

const bad: readonly [string, string, RegExp][] = [
  ['of another context', config('{ server: "https://k" }', '{}', 'other'), /no context "other"/],
  ['without a server', config('{}', '{}'), /server "" is no URL/],
  ['with a program for the token', config('{ server: "https://k" }', '{ exec: { command: aws } }'), /exec.*not built/],
  ['with a file that is missing', config('{ server: "https://k" }', '{ tokenFile: /nowhere }'), /no such file/],
  ['that is no YAML', '{ a: [', /--kubeconfig/],
  ['that is empty', '', /no context/],
  ['that is a list', '[1, 2]', /no context/],
];
for (const [what, content, message] of bad) {
  test(`a kubeconfig ${what} is refused with what is wrong`, (t) => {
    const file = join(temporaryDirectory(t), 'config');
    writeFileSync(file, content);
    const error = t.throws(() => kubeconfigAccess(file), { instanceOf: StartError });
    t.regex(error?.message ?? '', message);
    t.false(error?.message.includes('\n'));
  });
}

test('a kubeconfig that is not there is named', (t) => {
  t.throws(() => kubeconfigAccess('/nowhere/config'), {
    message: '--kubeconfig /nowhere/config: there is no such file',
  });
});
