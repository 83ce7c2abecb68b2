/** What becomes known of processes and containers while a recording is made. */
import { LRUCache } from 'lru-cache';
import type { Enricher } from '../enrich/enricher.ts';
import type { Container, Pod, Process } from '../model.ts';
import type { Anonymizer } from './anonymize.ts';
import type { ContainerFact, Facts } from './facts.ts';

/** Containers that are looked at. */
const LIMIT = 16_384;

export interface Learnt {
  /** Last of the enrichers, so that it sees what the others said. */
  readonly enricher: Enricher;
  /** It was read from /proc. */
  describe(process: Process): void;
  /** Users, groups and descriptions that are new since the last time; undefined: none. */
  takeNames(): Facts | undefined;
  /** Containers of which more is known than the last time. */
  takeContainers(): ContainerFact[];
}

interface Names {
  readonly users: [id: number, name: string][];
  readonly groups: [id: number, name: string][];
  readonly processes: Process[];
  readonly arguments: [serial: number, args: readonly string[]][];
}

interface Seen {
  readonly container: Container;
  readonly pod: Pod | undefined;
  /** What was taken of it; its parts are replaced as a whole when they change. */
  taken: readonly unknown[];
}

export function createLearnt(anonymizer: Anonymizer | undefined): Learnt {
  const known = { users: new Map<number, string>(), groups: new Map<number, string>() };
  const containers = new LRUCache<string, Seen>({ max: LIMIT });
  let names: Names | undefined;
  const open = (): Names => {
    names ??= { users: [], groups: [], processes: [], arguments: [] };
    return names;
  };

  const note = (kind: 'users' | 'groups', id: number, name: string | undefined): void => {
    if (name === undefined || known[kind].get(id) === name) return;
    known[kind].set(id, name);
    open()[kind].push([id, anonymizer ? anonymizer.account(id, name) : name]);
  };
  return {
    enricher: {
      name: 'recorder',
      enrich({
        serial,
        userId,
        userName,
        parentUserId,
        parentUserName,
        groupId,
        groupName,
        container,
        pod,
        commandArgs,
      }) {
        note('users', userId, userName);
        note('users', parentUserId, parentUserName);
        note('groups', groupId, groupName);
        if (commandArgs && !anonymizer) open().arguments.push([serial, commandArgs]);
        if (container && containers.get(container.id)?.container !== container)
          containers.set(container.id, { container, pod, taken: [] });
      },
    },
    // A copy: enrichers complete the original, here and where it is replayed.
    describe: (process) => void open().processes.push(anonymizer ? anonymizer.process(process) : { ...process }),
    takeNames() {
      const taken = names;
      names = undefined;
      return taken;
    },
    takeContainers() {
      // What runtimes and Kubernetes say of them is nothing but names.
      return anonymizer ? [] : [...containers.values()].flatMap(take);
    },
  };
}

/** Empty when nothing is new. */
function take(seen: Seen): ContainerFact[] {
  const { container, pod } = seen;
  const { id, details, kubernetes } = container;
  const parts = [details, kubernetes, pod?.details, pod?.kubernetes];
  if (parts.every((part, index) => part === seen.taken[index])) return [];
  seen.taken = parts;
  return [{ id, details, kubernetes, pod: pod && { details: pod.details, kubernetes: pod.kubernetes } }];
}
