/** The Helm chart: what helm makes of it, and a real API server of that; the rights that it gives, tried with their own token. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import test from 'ava';
import { parse, parseAllDocuments } from 'yaml';
import { program } from '../support/backends.ts';
import { type ApiServer, startApiServer } from '../support/kubernetes.ts';
import { readExample } from '../support/kubernetes-example.ts';
import { tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const CHART = join(import.meta.dirname, '../../packaging/helm/sockflow');
const NAMESPACE = 'sockflow';
const helm = program('helm');

let directory: string;
let api: ApiServer;

test.before(async () => {
  directory = sharedDirectory();
  api = await startApiServer(directory);
});

test.after.always(() =>
  tearDown(
    () => api?.stop(),
    () => removeDirectory(directory),
  ),
);

interface Thing {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly object[];
  readonly spec?: { readonly template: { readonly metadata: object; readonly spec: Pod } };
  readonly data?: Readonly<Record<string, string>>;
}

interface Pod {
  readonly containers: readonly { readonly args: readonly string[]; readonly imagePullPolicy?: string }[];
}

const documents = (text: string): Thing[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter(Boolean);
const set = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);

function render(values: Readonly<Record<string, string>> = {}): Thing[] {
  const args = ['template', 'sockflow', CHART, '--namespace', NAMESPACE, '--kube-version', '1.37.2', ...set(values)];
  return documents(execFileSync(helm, args, { encoding: 'utf8', stdio: 'pipe' }));
}

const find = (things: readonly Thing[], kind: string) => things.find((thing) => thing.kind === kind) as Thing;

test('helm finds no fault; a wrong option of the agent is refused by its name', (t) => {
  t.regex(execFileSync(helm, ['lint', '--strict', CHART], { encoding: 'utf8' }), /0 chart\(s\) failed/);
  const { status, stderr } = spawnSync(helm, ['template', CHART, ...set({ 'config.intervall': '3s' })], {
    encoding: 'utf8',
  });
  t.not(status, 0);
  t.regex(stderr, /intervall/);
});

test('every value is in the README', (t) => {
  const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
  const values = Object.keys(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')));
  const rows = [...readme.matchAll(/^\| ([a-zA-Z., ]+) \|/gm)].flatMap(([, names = '']) => names.split(', '));
  const named = new Set(rows.map((name) => name.split('.')[0]));
  named.delete('value');
  t.deepEqual([...named].sort(), values.sort());
});

test('what it makes is the example', (t) => {
  const example = readExample() as readonly Thing[];
  const made = render();
  const spec = (things: readonly Thing[]) => {
    const pod = find(things, 'DaemonSet').spec?.template.spec as Pod;
    const containers = pod.containers.map(({ imagePullPolicy: _, ...container }) => container);
    return { ...pod, containers };
  };
  t.deepEqual(spec(made), spec(example));
  t.deepEqual(
    find(render({ 'config.kubernetes-peers': 'true' }), 'ClusterRole').rules,
    find(example, 'ClusterRole').rules,
  );
  t.notDeepEqual(
    find(made, 'ClusterRole').rules,
    find(example, 'ClusterRole').rules,
    'services only where they are asked for',
  );
});

test('options become the file that the agent reads', (t) => {
  const made = render({
    'config.interval': '30s',
    'config.otlp-endpoint': 'http://collector:4317',
    'config.events': '{close,failed}',
  });
  t.deepEqual(parse(find(made, 'ConfigMap').data?.['sockflow.yaml'] ?? ''), {
    interval: '30s',
    'otlp-endpoint': 'http://collector:4317',
    events: ['close', 'failed'],
  });
  const [container] = find(made, 'DaemonSet').spec?.template.spec.containers ?? [];
  t.deepEqual(container?.args, ['--host-root', '/host', '--config', '/etc/sockflow/sockflow.yaml']);
});

const PATHS: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/namespaces/NS/serviceaccounts',
  ConfigMap: '/api/v1/namespaces/NS/configmaps',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  DaemonSet: '/apis/apps/v1/namespaces/NS/daemonsets',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
};

/** Everything but keeping it; a field that there is not is an error. */
async function tryOut(thing: Thing): Promise<void> {
  const path = PATHS[thing.kind]?.replace('NS', thing.metadata.namespace ?? 'default');
  if (path === undefined) throw new Error(`no path for ${thing.kind}`);
  await api.call('POST', `${path}?dryRun=All&fieldValidation=Strict`, thing);
}

test.serial('the API server takes the chart and the examples, and no field that there is not', async (t) => {
  await api.call('POST', PATHS.Namespace as string, { metadata: { name: NAMESPACE } });
  const others = (file: string) => (readExample(file) as Thing[]).filter(({ kind }) => kind !== 'Namespace');
  const things = [
    ...render({ 'config.kubernetes-peers': 'true', priorityClassName: 'system-node-critical' }),
    ...others('kubernetes.yaml'),
    ...others('kubernetes-sidecar.yaml'),
  ];
  for (const thing of things) await t.notThrowsAsync(tryOut(thing), thing.kind);
  const [account] = things;
  await t.throwsAsync(tryOut({ ...account, colour: 'red' } as unknown as Thing), {
    message: /unknown field \\?"colour/,
  });
});

/** Status of a request with a token. */
function status(token: string, method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { method, ca: readFileSync(api.ca), headers: { authorization: `Bearer ${token}` } };
    const sent = request(`${api.url}${path}`, options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
    sent.once('error', reject).end();
  });
}

test.serial('installed, changed and removed; its account may do what it needs and nothing else', async (t) => {
  const on = (...args: string[]) =>
    execFileSync(helm, [...args, '--kubeconfig', api.admin, '--namespace', NAMESPACE], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  on('install', 'sockflow', CHART);
  const token = await api.token(NAMESPACE, 'sockflow');
  const pods = '/api/v1/pods?fieldSelector=spec.nodeName%3Dhere';
  t.is(await status(token, 'GET', pods), 200);
  t.is(await status(token, 'GET', '/apis/apps/v1/namespaces/default/replicasets/none'), 404);
  t.is(await status(token, 'GET', '/apis/batch/v1/namespaces/default/jobs/none'), 404);
  const refused = [
    ['GET', '/api/v1/services'],
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/nodes'],
    ['GET', '/api/v1/namespaces/sockflow/configmaps'],
    ['GET', '/apis/apps/v1/replicasets'],
    ['DELETE', '/api/v1/namespaces/default/pods/none'],
    ['POST', '/api/v1/namespaces/default/pods'],
  ] as const;
  for (const [method, path] of refused) t.is(await status(token, method, path), 403, `${method} ${path}`);

  on('upgrade', 'sockflow', CHART, '--set', 'config.kubernetes-peers=true');
  t.is(await status(token, 'GET', '/api/v1/services'), 200);
  t.is(await status(token, 'GET', '/api/v1/secrets'), 403);
  on('uninstall', 'sockflow');
  t.not(await status(token, 'GET', pods), 200, 'no rights, though the API server may know the token for a while');
  for (const path of [`${PATHS.ClusterRole}/sockflow`, `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/sockflow`])
    await t.throwsAsync(api.call('GET', path), { message: /: 404 / });
});
