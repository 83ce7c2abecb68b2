/** Who owns the ReplicaSets and Jobs that own pods: asked of the API server, each once, a few at a time. */

import { fieldsOf } from '../json.ts';
import { type Api, ApiError } from './http.ts';
import type { OwnerNames } from './names.ts';
import { type Owner, type Pod, parseOwner } from './pod.ts';

export interface Owners extends OwnerNames {
  /** Asks, if that is needed, and resolves when there is an answer or none to be had. */
  learn(pod: Pod): Promise<void>;
}

export interface OwnersOptions {
  onFault(error: ApiError): void;
  /** So many wait already that this one is not asked for. */
  onSkipped(): void;
  readonly now?: () => number;
}

const paths = { ReplicaSet: '/apis/apps/v1/namespaces/*/replicasets/', Job: '/apis/batch/v1/namespaces/*/jobs/' };
type Kind = keyof typeof paths;

const MOST = 4_096;
const MOST_WAITING = 4_096;
const MOST_AT_ONCE = 8;
/** Milliseconds without questions after one that was refused or not answered. */
const PAUSE = 60_000;

export function createOwners(api: Api, { onFault, onSkipped, now = Date.now }: OwnersOptions): Owners {
  const known = new Map<string, Owner | undefined>();
  /** Those that wait for their turn, too. */
  const asking = new Map<string, Promise<void>>();
  const waiting: (() => void)[] = [];
  let asked = 0;
  const notBefore = { ReplicaSet: 0, Job: 0 };

  const turn = async () => {
    if (asked >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    else asked++;
  };
  // Who waits takes the place over.
  const done = () => {
    const next = waiting.shift();
    if (next) next();
    else asked--;
  };

  const ask = async (kind: Kind, namespace: string, name: string, key: string): Promise<void> => {
    await turn();
    try {
      // Those before may have met a server that refuses.
      if (now() < notBefore[kind]) return;
      const object = await api.get(paths[kind].replace('*', encodeURIComponent(namespace)) + encodeURIComponent(name));
      if (known.size >= MOST) known.clear();
      known.set(key, parseOwner(fieldsOf(fieldsOf(object).metadata).ownerReferences));
    } catch (error) {
      // One that has gone is no fault; its name says the rest.
      if (!(error instanceof ApiError) || error.status === 404) return;
      notBefore[kind] = now() + PAUSE;
      onFault(error);
    } finally {
      asking.delete(key);
      done();
    }
  };

  return {
    ownerOf(kind, namespace, name) {
      const key = keyOf(kind, namespace, name);
      return known.has(key) ? known.get(key) : 'unknown';
    },
    isAsking: ({ owner, namespace }) => owner !== undefined && asking.has(keyOf(owner.kind, namespace, owner.name)),
    async learn({ owner, namespace }) {
      if (owner?.kind !== 'ReplicaSet' && owner?.kind !== 'Job') return;
      const key = keyOf(owner.kind, namespace, owner.name);
      if (known.has(key) || now() < notBefore[owner.kind]) return;
      const already = asking.get(key);
      if (already) return already;
      if (asking.size >= MOST_WAITING) return onSkipped();
      const question = ask(owner.kind, namespace, owner.name, key);
      asking.set(key, question);
      await question;
    },
  };
}

function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}
