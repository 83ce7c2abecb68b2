/**
 * The whole way of a record: capture → correlate → enrich → export. Nothing in here after the start throws: what goes
 * wrong is counted in the ledger.
 */
import { createDecoder } from './capture/decode.ts';
import type { Source } from './capture/source.ts';
import type { Options } from './cli/options.ts';
import { createJoin } from './correlate/join.ts';
import { correlateOutcome } from './correlate/outcome.ts';
import { createNames } from './dns/index.ts';
import { createEnrichment } from './enrich/index.ts';
import { createPlaces } from './enrich/place.ts';
import { createExporters, type ExporterContext } from './export/index.ts';
import type { KernelCounts, Ledger } from './ledger.ts';
import type { Log } from './log.ts';
import type { ConnectionRecord, Exporter } from './model.ts';
import { createSelection } from './select.ts';

export interface Pipeline {
  /** What is watched and where it goes, for the `ready` line. */
  readonly description: string;
  kernelCounts(): KernelCounts;
  /** The part of the source that was read, 0 to 1; absent where it has no end. */
  progress?(): number;
  /** Stops capturing, sends what is left until `deadline` (as performance.now()). Idempotent. */
  shutdown(deadline: number): Promise<void>;
}

export interface Callbacks {
  /** An output is gone for good. */
  onOutputLost(reason: string): void;
  /** The source has nothing more. */
  onEnd(): void;
}

/** Makes the outputs; may throw a UsageError or a StartError. */
export type CreateOutputs = (context: ExporterContext) => Exporter[] | Promise<Exporter[]>;

/** Records that the outputs get at a time: what they make of them are large blocks, and few of these are alive at once. */
const PORTION = 512;

/** Throws StartError when the host does not let it. */
export async function startPipeline(
  source: Source,
  options: Options,
  log: Log,
  ledger: Ledger,
  callbacks: Callbacks,
  outputs: CreateOutputs = createExporters,
): Promise<Pipeline> {
  let isReady = false;
  const exporters = await outputs({
    options,
    selection: createSelection(options),
    ledger,
    log,
    host: source.host,
    ownNetworkNamespace: source.ownNetworkNamespace,
    files: source.files,
    kernelCounts: () => source.counts(),
    capabilities: () => source.capabilities?.() ?? {},
    isReady: () => isReady,
    onOutputLost: callbacks.onOutputLost,
  });
  // What has waited may come all at once, and an output that is bounded judges what it is given as a whole.
  const exportAll = (given: readonly ConnectionRecord[]): void => {
    const records = options.filter ? given.filter(options.filter) : given;
    for (let at = 0; at < records.length; at += PORTION) {
      const portion = records.length <= PORTION ? records : records.slice(at, at + PORTION);
      for (const exporter of exporters) exporter.export(portion);
    }
  };
  const identity = source.identify(exportAll);
  const decoder = createDecoder({
    ledger,
    onProcess: createEnrichment(identity.enrichers, ledger),
    describe: source.describe,
    onDns: (packet) => names.learn(packet),
    reasons: source.reasons,
  });
  const names = createNames({
    ledger,
    files: source.files,
    findProcess: decoder.findProcess,
    withLookups: options.traces,
  });
  const enrichPlace = createPlaces({
    networks: options.cidrName,
    geoip: options.geoip,
    ledger,
    warn: log.warn,
  });

  const forward = (records: ConnectionRecord[]): void => {
    for (const record of records) {
      enrichPlace(record);
      identity.completePeer(record);
    }
    exportAll(identity.pass(records));
  };
  const join = createJoin({ emit: forward });

  const exportLookups = (): void => {
    const ended = names.takeLookups(source.now());
    const lookups = options.filter ? ended.filter(options.filter) : ended;
    if (lookups.length > 0) for (const exporter of exporters) exporter.exportLookups?.(lookups);
  };

  const onBatch = (buffer: ArrayBuffer, length: number): void => {
    const records = decoder.decode(buffer, length);
    for (const record of records) {
      correlateOutcome(record);
      if (options.dns) names.name(record);
    }
    if (options.dns) exportLookups();
    join.add(records);
  };

  const isBusy = (): boolean => exporters.some((exporter) => exporter.isBusy?.());
  const isMakingRoom = (): boolean => exporters.some((exporter) => exporter.isMakingRoom?.());
  const watched = source.start({ onBatch, onEnd: callbacks.onEnd, isBusy, isMakingRoom });
  isReady = true;

  // What is never answered ends without a batch.
  const lookups = options.dns ? setInterval(exportLookups, 500) : undefined;

  const named = exporters.map((exporter) => exporter.name).join(', ') || 'none';
  let stopping: Promise<void> | undefined;
  return {
    description: `${watched}; outputs: ${named}; ${identity.description}`,
    kernelCounts: () => source.counts(),
    ...(source.progress && { progress: () => source.progress?.() ?? 0 }),
    shutdown(deadline) {
      stopping ??= stop(deadline);
      return stopping;
    },
  };

  async function stop(deadline: number): Promise<void> {
    clearInterval(lookups);
    await source.stop();
    join.flush();
    identity.close();
    await Promise.all(exporters.map((exporter) => exporter.shutdown(deadline)));
  }
}
