/** Pods and what owns them, in the namespace `shop` of a test's own cluster. */
import { REFERENCE } from './containerd.ts';
import type { ApiServer } from './kubernetes.ts';
import { eventually } from './processes.ts';

/** Where the pod that all others call listens. */
export const PORT = 8080;

/** Lines of shell: one that serves, one that makes a connection. */
export const SERVE = `exec nc -ll -p ${PORT} -e cat`;
export const CALL = (address: string, port = PORT) => `echo hello | nc ${address} ${port}`;

/** A pod, or the template of one, whose only container runs a line of shell. */
export function pod(app: string, line: string, more: object = {}) {
  const container = {
    name: `${app}-main`,
    image: REFERENCE,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', line],
  };
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 0, containers: [container], ...more },
  };
}

export function workload(app: string, line: string) {
  return { selector: { matchLabels: { app } }, template: pod(app, line) };
}

export interface Shop {
  /** `apps/v1`, `deployments`. */
  create(
    apiVersion: string,
    plural: string,
    name: string,
    spec: object,
    more?: object,
  ): Promise<Record<string, unknown>>;
  /** A Deployment that answers, and its only pod, when that runs. */
  createWeb(): Promise<{ readonly name: string; readonly address: string }>;
}

export async function openShop(api: ApiServer): Promise<Shop> {
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  const create: Shop['create'] = (apiVersion, plural, name, spec, more = {}) => {
    const path = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
    return api.call('POST', `${path}/namespaces/shop/${plural}`, { metadata: { name }, spec, ...more });
  };
  const findWeb = async () => {
    const list = await api.call('GET', '/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb');
    const [found] = list.items as { metadata: { name: string }; status: { phase: string; podIP?: string } }[];
    const isRunning = found?.status.phase === 'Running';
    return { name: found?.metadata.name ?? '', address: isRunning ? (found.status.podIP ?? '') : '' };
  };
  return {
    create,
    async createWeb() {
      await create('apps/v1', 'deployments', 'web', workload('web', SERVE));
      return eventually('web that runs', findWeb, ({ address }) => address !== '');
    },
  };
}
