/** A collection of a scripted API server that is followed, as the tests of that need it. */
import type { ExecutionContext } from 'ava';
import type { Access } from '../../src/enrich/kubernetes/access.ts';
import { follow } from '../../src/enrich/kubernetes/follow.ts';
import { createApi } from '../../src/enrich/kubernetes/http.ts';
import { createConditions } from './conditions.ts';
import { type KubeHandler, type KubeServer, pod, startKubeServer } from './kube-server.ts';

export interface Followed {
  readonly server: KubeServer;
  /** Names that are there, in order. */
  readonly names: Set<string>;
  readonly faults: string[];
  /** Resolves when `test` holds after some change. */
  until(test: () => boolean): Promise<void>;
  stop(): void;
  readonly over: Promise<void>;
}

/** Follows the pods of a server that answers so. */
export async function startFollowing(
  t: ExecutionContext,
  handlers: readonly KubeHandler[],
  { deadline = 5_000, access = {} as Partial<Access> } = {},
): Promise<Followed> {
  const server = await startKubeServer(t, ...handlers);
  const api = createApi({ server: server.url, credentials: () => ({}), ...access }, { deadline });
  const end = new AbortController();
  const names = new Set<string>();
  const faults: string[] = [];
  const { changed, until } = createConditions();
  const over = follow(
    api,
    {
      path: '/api/v1/pods',
      query: { fieldSelector: 'spec.nodeName=n' },
      parse: (object) => (object as { metadata?: { name?: string } } | null)?.metadata?.name,
      replace(all) {
        names.clear();
        for (const name of all) names.add(name);
        changed();
      },
      put(name) {
        names.add(name);
        changed();
      },
      remove(name) {
        names.delete(name);
        changed();
      },
    },
    {
      signal: end.signal,
      pause: { first: 5, most: 20 },
      onFault(fault) {
        faults.push(fault);
        changed();
      },
    },
  );
  const stop = () => {
    end.abort();
    api.close();
  };
  t.teardown(stop);
  return { server, names, faults, until, stop, over };
}

export const event = (type: string, name: string, version: string) => ({ type, object: pod(name, { version }) });
export const bookmark = (version: string) => ({
  type: 'BOOKMARK',
  object: { kind: 'Pod', metadata: { resourceVersion: version } },
});
