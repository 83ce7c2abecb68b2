/** Where the API server is and who we are to it: the pod's own service account, or a kubeconfig file. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StartError } from '../../errors.ts';
import { yaml } from '../../yaml.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../json.ts';

export interface Access {
  /** Without a slash at the end. */
  readonly server: string;
  /** Read anew at each request, since tokens and certificates are replaced while we run. Throws when a file is gone. */
  credentials(): Credentials;
}

export interface Credentials {
  readonly token?: string | undefined;
  /** PEM; without one, what the system trusts. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Undefined: this isn't a pod with a service account. */
export function inClusterAccess(env: Environment, account = ACCOUNT): Access | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host || !existsSync(`${account}/token`)) return undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    credentials: () => ({ token: read(`${account}/token`).trim(), ca: read(`${account}/ca.crt`) }),
  };
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

/** What the parser warns of, it would write to stderr by itself, with the line: there may be a token in it. */
const quiet = { logLevel: 'error' } as const;

/** The current context of a kubeconfig. Throws a StartError when it can't be used. */
export function kubeconfigAccess(file: string): Access {
  try {
    return fromKubeconfig(parse(read(file)), dirname(file));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message.split('\n')[0];
    throw new StartError(
      `--kubeconfig ${file}: ${why}`,
      'give a kubeconfig with a server, and a token or certificate',
      {
        cause,
      },
    );
  }
}

/** A key that is a list or a map is made a text of, which takes for ever where it has such keys in turn: nobody has one. */
function parse(text: string): unknown {
  const { isScalar, parseDocument, visit } = yaml();
  const document = parseDocument(text, quiet);
  const [error] = document.errors;
  if (error) throw error;
  visit(document, {
    Pair(_, { key }) {
      if (key !== null && !isScalar(key)) throw new Error('it has a key that is no text');
    },
  });
  return document.toJS();
}

function fromKubeconfig(content: unknown, directory: string): Access {
  const config = fieldsOf(content);
  const current = config['current-context'];
  const context = named(config.contexts, current, 'context');
  const cluster = named(config.clusters, context.cluster, 'cluster');
  const user = named(config.users, context.user, 'user');
  const server = String(cluster.server ?? '').replace(/\/+$/, '');
  const protocol = URL.parse(server)?.protocol;
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error(`its server "${server}" is no URL`);
  if (user.exec || user['auth-provider'])
    throw new Error(
      'programs that fetch credentials (exec, auth-provider) are not built; use a token or a certificate',
    );
  const access: Access = { server, credentials: () => readCredentials(cluster, user, directory) };
  access.credentials(); // what is missing is told now
  return access;
}

function readCredentials(cluster: Fields, user: Fields, directory: string): Credentials {
  const content = (fields: Fields, name: string) => {
    const inline = textOf(fields[`${name}-data`]);
    if (inline !== undefined) return Buffer.from(inline, 'base64').toString();
    const file = textOf(fields[name]);
    return file === undefined ? undefined : read(resolve(directory, file));
  };
  const tokenFile = textOf(user.tokenFile);
  return {
    // As kubectl has it: the file comes first.
    token: tokenFile === undefined ? textOf(user.token) : read(resolve(directory, tokenFile)).trim(),
    ca: content(cluster, 'certificate-authority'),
    cert: content(user, 'client-certificate'),
    key: content(user, 'client-key'),
    servername: textOf(cluster['tls-server-name']),
    rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
  };
}

/** Entries of a kubeconfig are `{ name, context: {…} }`. */
function named(entries: unknown, name: unknown, kind: string): Fields {
  const found = listOf(entries).find((entry) => entry.name === name);
  if (!found || typeof name !== 'string') throw new Error(`it has no ${kind} ${JSON.stringify(name) ?? ''}`.trim());
  return fieldsOf(found[kind]);
}
