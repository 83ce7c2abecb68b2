/** The kernel side under one roof: loads and attaches it, and says clearly why when that is refused. */
import { constants } from 'node:os';
import { StartError } from '../errors.ts';
import type { KernelCounts } from '../ledger.ts';
import { builtFile } from './built.ts';
import type { Reasons } from './connection.ts';
import {
  type CaptureError,
  type CaptureOptions,
  type Features,
  loadAddon,
  type NativeCapture,
  type NativePrivileged,
} from './native.ts';
import type { Sink } from './source.ts';
import { sfCounter } from './wire.gen.ts';

const addon = loadAddon();

export const { lookupName, giveUpPrivileges, notify } = addon;

/** Undefined where it can't be started; what it would be asked for is looked at without it, as far as that goes. */
export function startPrivileged(proc: string): NativePrivileged | undefined {
  try {
    return new addon.Privileged(builtFile('sockflow-privileged'), proc);
  } catch {
    return undefined;
  }
}

export function readReasons(): Reasons {
  return { reset: names('sk_rst_reason', /^SK_RST_REASON_/), drop: names('skb_drop_reason', /^SKB_(DROP_REASON_)?/) };
}

/** In lower case, without what they share. */
function names(enumeration: string, prefix: RegExp): string[] {
  return addon.enumeration(enumeration).map((name) => name.replace(prefix, '').toLowerCase());
}

/** Milliseconds: one that stands still for longer holds up nothing. */
const LONGEST_TURN = 250;

export interface Capture {
  readonly features: Features;
  counts(): KernelCounts;
  /** Update records of the connections that moved will come with the next batches. */
  requestSnapshot(): void;
  /** Detaches; resolves when the last batch was delivered. Idempotent. */
  stop(): Promise<void>;
}

/** Throws StartError with a remedy. `debug` gets the whole verifier log. */
export function startCapture(
  options: CaptureOptions,
  { onBatch, isMakingRoom }: Pick<Sink, 'onBatch' | 'isMakingRoom'>,
  debug: (text: string) => void,
  privileged?: NativePrivileged,
): Capture {
  const ended = Promise.withResolvers<void>();
  try {
    const native = new addon.Capture(options, privileged?.takeReaderChannel());
    let isScheduled = false;
    // A turn brings more than a disk takes in one: meanwhile the ring keeps what comes.
    const endTurn = (begin: number): void => {
      if (isMakingRoom() && performance.now() - begin < LONGEST_TURN) return void setTimeout(endTurn, 1, begin);
      isScheduled = false;
      native.turnEnded();
    };
    const take = (buffer: ArrayBuffer, length: number): void => {
      if (!isScheduled) setImmediate(endTurn, performance.now());
      isScheduled = true;
      onBatch(buffer, length);
    };
    const features = native.start(take, ended.resolve);
    return {
      features,
      counts: () => kernelCounts(native),
      requestSnapshot: () => native.requestSnapshot(),
      stop: () => {
        native.stop();
        return ended.promise;
      },
    };
  } catch (error) {
    throw startError(error as CaptureError, debug);
  }
}

function kernelCounts(native: NativeCapture): KernelCounts {
  const counts = native.counts();
  const of = (index: number): number => counts[index] as number;
  return {
    opened: of(sfCounter.connects) + of(sfCounter.accepts) + of(sfCounter.found) + of(sfCounter.attempts),
    closed: of(sfCounter.closed),
    live: of(sfCounter.max),
    lost: {
      table_full: of(sfCounter.lostTable),
      ring_full: of(sfCounter.lostRing),
      missed_event: of(sfCounter.lostMissed),
    },
    late: of(sfCounter.late),
    dropped: {
      events: of(sfCounter.droppedEvents),
      processes: of(sfCounter.droppedProcesses),
      listeners: of(sfCounter.droppedListeners),
      'connect notes': of(sfCounter.droppedNotes),
      datagrams: of(sfCounter.lostDatagrams),
      translations: of(sfCounter.skippedTranslations),
      'DNS messages': of(sfCounter.droppedDns),
    },
    udp: { opened: of(sfCounter.flows), closed: of(sfCounter.flowsClosed), live: of(sfCounter.max + 1) },
    folded: of(sfCounter.foldedDatagrams),
  };
}

const remedies: Readonly<Record<number, string>> = {
  [constants.errno.EPERM]: 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
  [constants.errno.EACCES]: 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
  [constants.errno.ENOENT]: 'Linux 5.15 or later with CONFIG_DEBUG_INFO_BTF is needed',
  [constants.errno.ESRCH]: 'Linux 5.15 or later with CONFIG_DEBUG_INFO_BTF is needed',
  [constants.errno.ENOMEM]: 'try a smaller --ring-size or --max-connections',
  [constants.errno.E2BIG]: 'try a smaller --max-connections',
};

function startError(error: CaptureError, debug: (text: string) => void): StartError {
  if (error.log) debug(error.log);
  const remedy = remedies[error.errno] ?? 'run with --log-level debug for what the kernel said';
  const summary = error.log ? ` (${summaryOf(error.log)})` : '';
  return new StartError(`${error.message}${summary}`, remedy, { cause: error });
}

/** Of a verifier log the last line that says anything: the refusal itself. */
function summaryOf(log: string): string {
  const lines = log
    .split('\n')
    .filter(
      (line) => line.trim() && !/^(processed |-- |libbpf: (prog .*failed to load|failed to load object))/.test(line),
    );
  return (lines.at(-1) ?? '').replace(/^libbpf: /, '').slice(0, 200);
}
