/** The examples for Kubernetes, and service accounts that have the rights of the first one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ApiServer } from './kubernetes.ts';

export const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Objects of an example; what is in them is the caller's to know. */
export function readExample(file = 'kubernetes.yaml'): readonly { readonly kind: string }[] {
  const text = readFileSync(join(import.meta.dirname, '../../examples', file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** Makes a service account in the example's namespace, with its rights or with none; returns a token. */
export async function createAccount(server: ApiServer, name: string, isAllowed: boolean): Promise<string> {
  // Only the first of them finds no namespace.
  const namespace = { metadata: { name: 'sockflow' } };
  await server.call('POST', '/api/v1/namespaces', namespace).catch(() => undefined);
  await server.call('POST', '/api/v1/namespaces/sockflow/serviceaccounts', { metadata: { name } });
  if (isAllowed) await allowAccount(server, name);
  return server.token('sockflow', name);
}

export async function allowAccount(server: ApiServer, name: string): Promise<void> {
  const role = readExample().find(({ kind }) => kind === 'ClusterRole');
  await server.call('POST', `${RBAC}/clusterroles`, { ...role, metadata: { name } });
  await server.call('POST', `${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', namespace: 'sockflow', name }],
  });
}
