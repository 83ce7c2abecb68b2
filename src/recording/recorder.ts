/** A source that is written to a file on its way: `--record FILE`. */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { release } from 'node:os';
import { withoutArguments } from '../capture/process.ts';
import type { Identity, Sink, Source } from '../capture/source.ts';
import { sfKind } from '../capture/wire.gen.ts';
import { StartError } from '../errors.ts';
import type { Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import { type Anonymizer, createAnonymizer } from './anonymize.ts';
import { encode, type Machine } from './facts.ts';
import { frameKind, wireLayout, writeFrame, writeHead } from './format.ts';
import { createLearnt } from './learnt.ts';
import { concat, spansOf } from './records.ts';

export interface RecorderOptions {
  readonly file: string;
  /** Addresses and names are replaced before anything is written. */
  readonly anonymize: boolean;
  /** The batches have arguments of processes, secrets included. They are written without, beside the batches. */
  readonly commandArgs: boolean;
  readonly ledger: Ledger;
  readonly log: Pick<Log, 'warn'>;
}

/** Milliseconds between two looks at what was learnt: so much of it a crash may take. */
const LOOK = 10_000;

/** The same source; its batches, and what is learnt of its processes, go to a new file. Throws a StartError. */
export function recordSource(source: Source, options: RecorderOptions): Source {
  const anonymizer = options.anonymize ? createAnonymizer() : undefined;
  const file = openFile(options, source, anonymizer);
  const learnt = createLearnt(anonymizer);
  let timer: NodeJS.Timeout | undefined;
  let stopped: Promise<void> | undefined;

  const writeNames = (): void => {
    const facts = learnt.takeNames();
    if (facts) file.write(frameKind.facts, encode(facts));
  };
  const shownOf = (buffer: ArrayBuffer, length: number): Uint8Array => {
    if (anonymizer) return anonymizer.batch(buffer, length);
    return options.commandArgs ? withoutSecrets(buffer, length) : new Uint8Array(buffer, 0, length);
  };
  const look = (): void => {
    writeNames();
    const containers = learnt.takeContainers();
    if (containers.length > 0) file.write(frameKind.facts, encode({ containers }));
    file.write(frameKind.counts, encode(source.counts()));
  };
  return {
    ...source,
    describe(pid, serial) {
      const process = source.describe(pid, serial);
      if (process) learnt.describe(process);
      return process;
    },
    identify(emit) {
      const identity = source.identify(emit);
      return { ...identity, enrichers: [...identity.enrichers, learnt.enricher] } satisfies Identity;
    },
    start(sink: Sink) {
      const onBatch = (buffer: ArrayBuffer, length: number): void => {
        sink.onBatch(buffer, length);
        // Names that this batch brought stand before it.
        writeNames();
        file.write(frameKind.batch, shownOf(buffer, length));
      };
      try {
        const description = source.start({ ...sink, onBatch });
        timer = setInterval(look, LOOK);
        return `${description}; recording to ${options.file}${anonymizer ? ', anonymized' : ''}`;
      } catch (error) {
        file.remove();
        throw error;
      }
    },
    stop() {
      clearInterval(timer);
      stopped ??= source.stop().then(() => {
        look();
        file.close();
      });
      return stopped;
    },
  };
}

function withoutSecrets(buffer: ArrayBuffer, length: number): Uint8Array {
  const records = [...spansOf(new DataView(buffer, 0, length))].map(({ kind, offset, length: size }) => {
    const record = new Uint8Array(buffer, offset, size);
    return kind === sfKind.process ? withoutArguments(record) : record;
  });
  return new Uint8Array(concat(records));
}

interface File {
  /** What the disk does not take is a fault, said once; nothing more is written then. */
  write(kind: number, payload: Uint8Array): void;
  close(): void;
  remove(): void;
}

function openFile({ file, ledger, log }: RecorderOptions, source: Source, anonymizer: Anonymizer | undefined): File {
  let fd: number | undefined = create(file);
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const attempt = (write: (fd: number) => void): void => {
    if (fd === undefined) return;
    try {
      write(fd);
    } catch (error) {
      ledger.fault('capture', 'recording_failed');
      log.warn(`${file}: ${(error as Error).message}; the recording ends here`);
      close();
    }
  };
  attempt((to) => {
    writeHead(to);
    writeFrame(to, frameKind.machine, source.now(), encode(machineOf(source, anonymizer)));
  });
  return {
    write: (kind, payload) => attempt((to) => writeFrame(to, kind, source.now(), payload)),
    close,
    remove() {
      close();
      unlinkSync(file);
    },
  };
}

/** Never over something that is there. It tells who talks to whom, so it is for its owner. */
function create(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const remedy = code === 'EEXIST' ? 'give --record the name of a new file' : 'give --record a file that can be made';
    const why = code === 'ENOENT' ? `${file} cannot be made: there is no such directory` : message;
    throw new StartError(code === 'EEXIST' ? `${file} is there already` : why, remedy, { cause: error });
  }
}

function machineOf({ host, ownNetworkNamespace, reasons }: Source, anonymizer: Anonymizer | undefined): Machine {
  const shown = anonymizer ? { ...host, id: undefined, name: 'anonymous' } : host;
  return { host: shown, kernel: release(), layout: wireLayout, ownNetworkNamespace, reasons };
}
