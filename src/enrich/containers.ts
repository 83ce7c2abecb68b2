/** Containers from end to end: their ids at once, their names when a runtime says them, records that wait for that. */
import type { Options } from '../cli/options.ts';
import type { Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { ConnectionRecord } from '../model.ts';
import { createContainerEnricher } from './container.ts';
import type { Enricher } from './enricher.ts';
import { createHold } from './hold.ts';
import { type Asker, createAsker } from './runtime/asker.ts';
import { createRuntimes, type RuntimeOptions } from './runtime/index.ts';
import { createLookup } from './runtime/lookup.ts';
import type { Runtime } from './runtime/runtime.ts';

export interface ContainersOptions {
  readonly options: RuntimeOptions & Pick<Options, 'docker' | 'containerWait'>;
  readonly ledger: Ledger;
  readonly log: Pick<Log, 'limited'>;
  /** Takes records that have waited. */
  readonly emit: (records: ConnectionRecord[]) => void;
}

export interface Containers {
  readonly enricher: Enricher;
  /** The records that need not wait; the others come to `emit`. */
  pass(records: ConnectionRecord[]): ConnectionRecord[];
  /** Lets all go that wait, and asks nobody any more. Idempotent. */
  close(): void;
}

export function createContainers({ options, ledger, log, emit }: ContainersOptions): Containers {
  const runtimes = options.docker ? createRuntimes(options) : [];
  const lookup = createLookup({
    askers: runtimes.map((runtime) => safely(runtime, ledger, log)),
    ledger,
    onSettled: (container) => hold.release(container),
  });
  const hold = createHold({
    wait: options.containerWait,
    keyOf({ process }) {
      const container = process?.container;
      return container && lookup.isAwaited(container) ? container : undefined;
    },
    emit,
    onLate: (count) => {
      ledger.late += count;
    },
  });
  return {
    enricher: createContainerEnricher({ onContainer: lookup.learn }),
    pass: hold.pass,
    close() {
      lookup.close();
      hold.releaseAll();
    },
  };
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
