/** The pods of this node from the API server, which tells of each change by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultTeller, faultOf, tellFault } from './faults.ts';
import { follow } from './follow.ts';
import type { Api } from './http.ts';
import { namesOf, type PodSource } from './names.ts';
import { createOwners } from './owners.ts';
import { createPeers, type Peers, parseService } from './peers.ts';
import { type Kept, type Pod, parsePod } from './pod.ts';
import { createPods } from './pods.ts';

export interface ApiSourceOptions {
  readonly nodeName: string;
  readonly kept: Kept;
  readonly teller: FaultTeller;
}

/** Ends with the teller's signal; the API stays the caller's. */
export function createApiSource(api: Api, { nodeName, kept, teller }: ApiSourceOptions): PodSource {
  const { signal } = teller;
  const pods = createPods();
  const owners = createOwners(api, {
    onFault: (error) => tellFault(teller, 'owners of pods', faultOf(error), error.message),
    onSkipped: () => tellFault(teller, 'owners of pods', 'skipped', 'too many at a time'),
  });
  const news = createNews(signal);
  const learn = (some: readonly Pod[]) => {
    // Asked before anybody is told, so that who is told knows that more is to come.
    for (const pod of some) void owners.learn(pod).then(news.tell);
    news.tell();
  };
  void follow(
    api,
    {
      path: '/api/v1/pods',
      query: { fieldSelector: `spec.nodeName=${nodeName}` },
      parse: (object) => parsePod(object, kept),
      replace(all) {
        pods.replace(all);
        learn(all);
      },
      put(pod) {
        pods.put(pod);
        learn([pod]);
      },
      remove: pods.remove,
    },
    { signal, onFault: (fault, message) => tellFault(teller, 'pods of this node', fault, message) },
  );
  const find: PodSource['find'] = (uid, containerId) => namesOf(pods.find(uid, containerId), containerId, owners);
  return {
    description: `of ${nodeName} from ${teller.server}`,
    isAnswered: false,
    find,
    async ask(longest) {
      await news.wait(longest);
      return !signal.aborted;
    },
    close: () => undefined,
  };
}

/** Everybody's pods and services by address. Of ten thousand pods each label would count, so none is kept. */
export function followPeers(api: Api, teller: FaultTeller): Peers {
  const peers = createPeers();
  const options = (what: string) => ({
    signal: teller.signal,
    onFault: (fault: ReturnType<typeof faultOf>, message: string) => tellFault(teller, what, fault, message),
  });
  const kept = { labels: new Set(['pod-template-hash']), annotations: new Set<string>() };
  const pods = { path: '/api/v1/pods', query: {}, parse: (object: unknown) => parsePod(object, kept), ...peers.pods };
  const services = { path: '/api/v1/services', query: {}, parse: parseService, ...peers.services };
  void follow(api, pods, options('pods of the cluster'));
  void follow(api, services, options('services of the cluster'));
  return peers;
}

/** Lets those wait who may have what they want after the next change. */
function createNews(signal: AbortSignal) {
  let next = Promise.withResolvers<void>();
  return {
    tell() {
      next.resolve();
      next = Promise.withResolvers();
    },
    async wait(longest: number): Promise<void> {
      const over = new AbortController();
      const end = AbortSignal.any([signal, over.signal]);
      await Promise.race([next.promise, sleep(longest, undefined, { signal: end }).catch(() => undefined)]);
      over.abort();
    },
  };
}
