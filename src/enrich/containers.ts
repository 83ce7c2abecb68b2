/** Containers from end to end: their ids at once, their names when a runtime says them, records that wait for that. */
import { existsSync } from 'node:fs';
import type { Options } from '../cli/options.ts';
import type { Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { ConnectionRecord, Container } from '../model.ts';
import { createContainerEnricher } from './container.ts';
import type { Enricher } from './enricher.ts';
import { createHold } from './hold.ts';
import { createPodNaming } from './kubernetes/enrich.ts';
import type { PodSource } from './kubernetes/names.ts';
import { type Asker, createAsker } from './runtime/asker.ts';
import { createRuntimes, type RuntimeOptions } from './runtime/index.ts';
import { createLookup } from './runtime/lookup.ts';
import type { Runtime } from './runtime/runtime.ts';

export interface ContainersOptions {
  readonly options: RuntimeOptions & Pick<Options, 'docker' | 'containerWait'>;
  readonly ledger: Ledger;
  readonly log: Pick<Log, 'limited'>;
  /** Asked for pods; undefined: the runtimes alone say what they have. */
  readonly kubernetes?: PodSource | undefined;
  /** Takes records that have waited. */
  readonly emit: (records: ConnectionRecord[]) => void;
}

export interface Containers {
  /** Which runtimes are there to be asked. */
  readonly description: string;
  readonly enricher: Enricher;
  /** The records that need not wait; the others come to `emit`. */
  pass(records: ConnectionRecord[]): ConnectionRecord[];
  /** Lets all go that wait, and asks nobody any more. Idempotent. */
  close(): void;
}

export function createContainers({ options, ledger, log, kubernetes, emit }: ContainersOptions): Containers {
  const runtimes = options.docker ? createRuntimes(options) : [];
  const lookup = createLookup({
    askers: runtimes.map((runtime) => safely(runtime, ledger, log)),
    ledger,
    onSettled: (container) => onSettled(container),
  });
  const naming =
    kubernetes &&
    createPodNaming(kubernetes, {
      onSettled: (container) => onSettled(container),
      onSkipped: () => ledger.fault('enrich', 'kubernetes_skipped'),
    });
  const isAwaited = (container: Container) => lookup.isAwaited(container) || (naming?.isAwaited(container) ?? false);
  // Who waits for both waits for the later one.
  const onSettled = (container: Container) => {
    if (!isAwaited(container)) hold.release(container);
  };
  const hold = createHold({
    wait: options.containerWait,
    keyOf({ process }) {
      const container = process?.container;
      return container && isAwaited(container) ? container : undefined;
    },
    emit,
    onLate: (count) => {
      ledger.late += count;
    },
  });
  return {
    description: options.docker ? describe(runtimes) : 'ids only (--no-docker)',
    enricher: createContainerEnricher({
      onContainer(container, pod) {
        lookup.learn(container, pod);
        if (pod) naming?.learn(container, pod);
      },
    }),
    pass: hold.pass,
    close() {
      lookup.close();
      naming?.close();
      hold.releaseAll();
    },
  };
}

function describe(runtimes: readonly Runtime[]): string {
  const present = runtimes.filter(({ socket }) => existsSync(socket));
  if (present.length === 0) return "ids only (no runtime's socket is there yet)";
  return present.map(({ name, socket }) => `${name} at ${socket}`).join(', ');
}

function safely(runtime: Runtime, ledger: Ledger, log: Pick<Log, 'limited'>): Asker {
  const { name, socket } = runtime;
  return createAsker(runtime, {
    onError(message) {
      ledger.fault('enrich', name);
      log.limited(
        'warn',
        `runtime ${socket}`,
        `${name} at ${socket}: ${message}; names of its containers may be missing`,
      );
    },
  });
}
