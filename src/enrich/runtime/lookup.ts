/**
 * Names of containers: asked of their runtimes once, kept after their end, renewed when a runtime tells of a change. A
 * container that a runtime told of before we saw it is not asked for at all, so one that lived 50 ms has its name, too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Ledger, LookupResult } from '../../ledger.ts';
import type { Container, Pod } from '../../model.ts';
import type { Answer, Asker } from './asker.ts';
import type { Found } from './runtime.ts';

/** Containers that are known: about 4 KiB each, with all that is kept of them. */
const LIMIT = 8_192;

/** Milliseconds after which a container that nobody has is asked for once more: a runtime may be slower than we are. */
const SECOND_TRY = 500;

interface Entry {
  /** Undefined: a runtime told of it, and none of its processes was seen. */
  container: Container | undefined;
  pod: Pod | undefined;
  found: Found | undefined;
}

export interface LookupOptions {
  readonly askers: readonly Asker[];
  readonly ledger: Ledger;
  /** An answer has come, or will not come soon: what waits for this container may go. */
  readonly onSettled: (container: Container) => void;
  readonly secondTry?: number;
}

export interface Lookup {
  /** Completes it when somebody knows it, now or later. Once for each container. */
  learn(container: Container, pod: Pod | undefined): void;
  /** An answer may come soon. */
  isAwaited(container: Container): boolean;
  /** Ends what is under way. Idempotent. */
  close(): void;
}

export function createLookup({ askers, ledger, onSettled, secondTry = SECOND_TRY }: LookupOptions): Lookup {
  const entries = new LRUCache<string, Entry>({ max: LIMIT });
  const awaited = new Set<Container>();
  /** Asked again when a runtime is well. */
  const unanswered = new LRUCache<string, Container>({ max: LIMIT });

  const count = (result: LookupResult) => ledger.lookUp(result);

  const apply = (entry: Entry, found: Found) => {
    entry.found = found;
    const { container, pod } = entry;
    if (!container) return;
    container.details = found.container;
    if (pod && found.pod) pod.details = found.pod;
    unanswered.delete(container.id);
    settle(container);
  };
  const settle = (container: Container) => {
    if (awaited.delete(container)) onSettled(container);
  };

  const onFound = (id: string, found: Found) => {
    const entry = entries.get(id) ?? { container: undefined, pod: undefined, found: undefined };
    entries.set(id, entry);
    apply(entry, found);
  };

  const askAll = (container: Container): Promise<Answer> => {
    const asked = askers.filter((asker) => asker.mayKnow(container.runtime));
    return firstFound(asked.map((asker) => asker.ask(container.id)));
  };

  const ask = async (entry: Entry, container: Container) => {
    awaited.add(container);
    let answer = await askAll(container);
    if (answer === 'absent' && awaited.has(container)) {
      await sleep(secondTry, undefined, { ref: false });
      // By now a runtime may have told of it by itself.
      answer = entry.found ?? (await askAll(container));
    }
    if (typeof answer === 'object') {
      if (awaited.has(container)) count('found');
      apply(entry, answer);
    } else if (entry.found === undefined) {
      count(answer === 'failed' ? 'error' : 'miss');
      unanswered.set(container.id, container);
    }
    settle(container);
  };

  const askAgain = (asker: Asker) => {
    for (const [id, container] of [...unanswered.entries()]) {
      const entry = entries.get(id);
      if (!entry || !asker.mayKnow(container.runtime)) continue;
      unanswered.delete(id);
      // Nobody waits for these any more.
      void askAll(container).then((answer) => {
        if (typeof answer === 'object') apply(entry, answer);
        else if (answer !== 'absent') unanswered.set(id, container);
      });
    }
  };

  for (const asker of askers) asker.watch({ onFound }, () => askAgain(asker));

  return {
    learn(container, pod) {
      const entry = entries.get(container.id) ?? { container, pod, found: undefined };
      entries.set(container.id, entry);
      entry.container = container;
      entry.pod = pod;
      if (entry.found) {
        count('hit');
        apply(entry, entry.found);
      } else if (askers.some((asker) => asker.mayKnow(container.runtime))) {
        void ask(entry, container);
      }
    },
    isAwaited: (container) => awaited.has(container),
    close() {
      for (const asker of askers) asker.close();
    },
  };
}

const order: readonly Answer[] = ['failed', 'absent'];

/** The first that has it; without one, the worst that anybody said. */
function firstFound(answers: readonly Promise<Answer>[]): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  for (const answer of answers) void answer.then((value) => typeof value === 'object' && resolve(value));
  void Promise.all(answers).then((all) => resolve(order.find((answer) => all.includes(answer)) ?? 'down'));
  return promise;
}
