/**
 * The agent's books. Every record that was not delivered is in exactly one `lost` entry; the summary line, the metrics
 * `sockflow.agent.*` and the tests read the same numbers from here.
 */

/** What the kernel side counted, in TCP connections. Read from its per-CPU counters. */
export interface KernelCounts {
  /** Connections begun while the agent watched, and those that it found at start. */
  opened: number;
  closed: number;
  live: number;
  /** Of the closed ones: found by looking at the table, since the kernel had hidden their end. */
  late?: number;
  /** Connections whose end was not reported, by reason, e.g. `ring_full`. */
  lost: Readonly<Record<string, number>>;
  /** What could not be sent without a connection being lost by it: open and update records, descriptions, listeners. */
  dropped: Readonly<Record<string, number>>;
  /** UDP conversations: opened = closed + live. None is lost; see `dropped.datagrams` and `folded`. */
  udp: { readonly opened: number; readonly closed: number; readonly live: number };
  /** Datagrams of peers that the table had no room for: counted with their socket instead. */
  folded: number;
}

/** Of a source that has not said anything yet. */
export const noCounts: KernelCounts = {
  opened: 0,
  closed: 0,
  live: 0,
  lost: {},
  dropped: {},
  udp: { opened: 0, closed: 0, live: 0 },
  folded: 0,
};

export type Stage = 'kernel' | 'native' | 'capture' | 'correlate' | 'enrich' | 'export';

/**
 * How a container got its name: known before it was asked for, found by asking, no runtime has it, no runtime could say.
 */
export type LookupResult = 'hit' | 'found' | 'miss' | 'error';

export class Ledger {
  /** Records decoded. */
  received = 0;
  /** Records accepted by the back end of each exporter, by the exporter's name. */
  readonly sent = new Map<string, number>();
  /** Of these, records that an earlier run received and left in the spool. */
  readonly restored = new Map<string, number>();
  /** Of exporters that have a queue without a delivery: the bytes that wait in it now. */
  readonly queues = new Map<string, () => number>();
  /** Records of this run that are left in the spool for the next one; set at the end. */
  readonly kept = new Map<string, number>();
  /** Work that failed without losing a record (an enricher that could not say its part), by `stage/what`. */
  readonly faults = new Map<string, number>();
  /** Look-ups of containers, by result. */
  readonly lookups = new Map<LookupResult, number>();
  /** Records that went without the name of their container, which was not known in time. */
  late = 0;
  readonly #lost = new Map<string, { stage: Stage; reason: string; count: number }>();

  /** Counts `count` records that will never be delivered; `reason` in snake_case, low cardinality. */
  lose(stage: Stage, reason: string, count = 1): void {
    const key = `${stage}/${reason}`;
    const entry = this.#lost.get(key);
    if (entry) entry.count += count;
    else this.#lost.set(key, { stage, reason, count });
  }

  fault(stage: Stage, what: string): void {
    const key = `${stage}/${what}`;
    this.faults.set(key, (this.faults.get(key) ?? 0) + 1);
  }

  lookUp(result: LookupResult): void {
    this.lookups.set(result, (this.lookups.get(result) ?? 0) + 1);
  }

  deliver(exporter: string, count: number): void {
    this.sent.set(exporter, (this.sent.get(exporter) ?? 0) + count);
  }

  /** They are delivered, too. */
  restore(exporter: string, count: number): void {
    this.restored.set(exporter, (this.restored.get(exporter) ?? 0) + count);
  }

  keep(exporter: string, count: number): void {
    this.kept.set(exporter, (this.kept.get(exporter) ?? 0) + count);
  }

  /** `faults` as a list. */
  get faulted(): readonly { stage: string; what: string; count: number }[] {
    return [...this.faults].map(([key, count]) => {
      const at = key.indexOf('/');
      return { stage: key.slice(0, at), what: key.slice(at + 1), count };
    });
  }

  get lost(): readonly { stage: Stage; reason: string; count: number }[] {
    return [...this.#lost.values()];
  }
}

/** What is lost under reasons with such a prefix: no records, so they have sums of their own. */
const others = { traces: 'spans', metrics: 'metric points' } as const;
type Prefix = keyof typeof others;

/** A ledger that puts all into `ledger`, but losses under `PREFIX_reason`. What was sent of metrics is counted nowhere. */
export function withPrefix(ledger: Ledger, prefix: Prefix): Ledger {
  return new PrefixedLedger(ledger, prefix);
}

class PrefixedLedger extends Ledger {
  readonly #all: Ledger;
  readonly #prefix: Prefix;

  constructor(all: Ledger, prefix: Prefix) {
    super();
    this.#all = all;
    this.#prefix = prefix;
  }

  override lose(stage: Stage, reason: string, count?: number): void {
    this.#all.lose(stage, `${this.#prefix}_${reason}`, count);
  }

  override fault(stage: Stage, what: string): void {
    this.#all.fault(stage, `${this.#prefix}_${what}`);
  }

  override deliver(exporter: string, count: number): void {
    if (this.#prefix !== 'metrics') this.#all.deliver(exporter, count);
  }
}

/** What a loss is of, and its reason without the prefix. */
export function readReason(reason: string): { readonly items: string; readonly plain: string } {
  for (const [prefix, items] of Object.entries(others))
    if (reason.startsWith(`${prefix}_`)) return { items, plain: reason.slice(prefix.length + 1) };
  return { items: 'records', plain: reason };
}
