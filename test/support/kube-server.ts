/** An API server or kubelet for tests that answers by a script, over HTTP on the loopback. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createConditions } from './conditions.ts';
import { inTime } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

export interface KubeRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly token: string | undefined;
}

/** Answers one request: JSON, or what it does to the response itself. */
export type KubeHandler = (request: KubeRequest, response: ServerResponse) => unknown;

export interface KubeServer {
  readonly url: string;
  readonly requests: readonly KubeRequest[];
  /** Resolves when that many requests have come; throws when they never do. */
  until(count: number): Promise<void>;
}

/** The last handler answers all further requests. Ends with the test. */
export async function startKubeServer(t: ExecutionContext, ...handlers: KubeHandler[]): Promise<KubeServer> {
  const requests: KubeRequest[] = [];
  const conditions = createConditions();
  const server = createServer((incoming, response) => {
    const request = describe(incoming);
    const handler = handlers[Math.min(requests.length, handlers.length - 1)] as KubeHandler;
    requests.push(request);
    const body = handler(request, response);
    if (body !== undefined) response.end(JSON.stringify(body));
    conditions.changed();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    until(count) {
      return inTime(
        conditions.until(() => requests.length >= count),
        () => `${requests.length} of ${count} requests: ${requests.map(({ path }) => path).join(' ')}`,
      );
    },
  };
}

function describe({ url = '', headers }: IncomingMessage): KubeRequest {
  const { pathname, searchParams } = new URL(url, 'http://any');
  return {
    path: pathname,
    query: Object.fromEntries(searchParams),
    token: headers.authorization?.replace(/^Bearer /, ''),
  };
}

/** A file by which a client reaches that server, with the token `secret`. */
export function kubeconfigFor(t: ExecutionContext, server: string): string {
  const file = join(temporaryDirectory(t), 'config');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server } }],
    users: [{ name: 'u', user: { token: 'secret' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Fails as the API server does. */
export function refuse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): KubeHandler {
  return (_, response) => {
    response.writeHead(status, headers);
    return { kind: 'Status', status: 'Failure', code: status, message };
  };
}

export function list(version: string, items: readonly object[], next?: string): object {
  return { kind: 'List', metadata: { resourceVersion: version, ...(next ? { continue: next } : {}) }, items };
}

/** Writes events and leaves the stream open. */
export function watch(...events: readonly object[]): KubeHandler {
  return (_, response) => {
    response.flushHeaders();
    for (const event of events) response.write(`${JSON.stringify(event)}\n`);
  };
}

export interface PodFields {
  readonly uid?: string;
  readonly namespace?: string;
  readonly version?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Kind and name of the controller. */
  readonly owner?: readonly [string, string];
  readonly created?: string;
  readonly ip?: string;
  readonly node?: string;
  readonly hostNetwork?: boolean;
  readonly phase?: string;
  /** Name, id and image. */
  readonly containers?: readonly (readonly [string, string, string])[];
}

/** A pod as the API server shows it. */
export function pod(name: string, fields: PodFields = {}): Record<string, unknown> {
  const { uid = `uid-of-${name}`, namespace = 'shop', owner, containers = [], ip } = fields;
  return {
    kind: 'Pod',
    metadata: {
      uid,
      name,
      namespace,
      resourceVersion: fields.version ?? '1',
      labels: fields.labels ?? {},
      annotations: fields.annotations ?? {},
      ...(fields.created ? { creationTimestamp: fields.created } : {}),
      ...(owner ? { ownerReferences: [{ kind: owner[0], name: owner[1], uid: 'o', controller: true }] } : {}),
    },
    spec: {
      nodeName: fields.node ?? 'n',
      hostNetwork: fields.hostNetwork ?? false,
      containers: containers.map(([container, , image]) => ({ name: container, image })),
    },
    status: {
      phase: fields.phase ?? 'Running',
      ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
      containerStatuses: containers.map(([container, id, image]) => ({
        name: container,
        containerID: `containerd://${id}`,
        image,
      })),
    },
  };
}
