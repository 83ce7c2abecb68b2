/**
 * The whole way of a record: capture → correlate → enrich → export. Nothing in here after the start throws: what goes
 * wrong is counted in the ledger.
 */
import { release } from 'node:os';
import { type Capture, lookupName, readReasons, startCapture } from './capture/capture.ts';
import { createDecoder } from './capture/decode.ts';
import { checkHost } from './capture/host.ts';
import { describeFromProc, procOf } from './capture/proc.ts';
import type { Options } from './cli/options.ts';
import { createJoin } from './correlate/join.ts';
import { correlateOutcome } from './correlate/outcome.ts';
import { createNames } from './dns/index.ts';
import { createContainers } from './enrich/containers.ts';
import { createEnrichment } from './enrich/index.ts';
import { createClusterPeers, createKubernetes, kubernetesOptions } from './enrich/kubernetes/index.ts';
import { createPlaces } from './enrich/place.ts';
import { createUserEnricher } from './enrich/user.ts';
import { readOwnNetworkNamespace } from './export/host.ts';
import { createExporters } from './export/index.ts';
import type { KernelCounts, Ledger } from './ledger.ts';
import type { Log } from './log.ts';
import type { ConnectionRecord, Exporter } from './model.ts';
import { createSelection, type Selection } from './select.ts';

export interface Pipeline {
  /** What is watched and where it goes, for the `ready` line. */
  readonly description: string;
  kernelCounts(): KernelCounts;
  /** Stops capturing, sends what is left until `deadline` (as Date.now()). Idempotent. */
  shutdown(deadline: number): Promise<void>;
}

export interface Callbacks {
  /** An output is gone for good. */
  onOutputLost(reason: string): void;
}

/** Records that the outputs get at a time; more than one batch from the kernel side has. */
const PORTION = 2_048;

/** Throws StartError when the host does not let it. */
export async function startPipeline(
  options: Options,
  log: Log,
  ledger: Ledger,
  callbacks: Callbacks,
): Promise<Pipeline> {
  checkHost();
  const selection = createSelection(options);
  const exporters = await createExporters({
    options,
    selection,
    ledger,
    log,
    ownNetworkNamespace: readOwnNetworkNamespace(),
    kernelCounts: () => capture.counts(),
    onOutputLost: callbacks.onOutputLost,
  });
  // What has waited may come all at once, and an output that is bounded judges what it is given as a whole.
  const exportAll = (records: readonly ConnectionRecord[]): void => {
    for (let at = 0; at < records.length; at += PORTION) {
      const portion = records.length <= PORTION ? records : records.slice(at, at + PORTION);
      for (const exporter of exporters) exporter.export(portion);
    }
  };
  const kubernetes = createKubernetes(kubernetesOptions(options, ledger, log));
  const containers = createContainers({ options, ledger, log, kubernetes, emit: exportAll });
  const decoder = createDecoder({
    ledger,
    onProcess: createEnrichment([createUserEnricher(lookupName, options.hostRoot), containers.enricher], ledger),
    describe: (pid, serial) => describeFromProc(pid, serial, procOf(options.hostRoot)),
    onDns: (packet) => names.learn(packet),
    reasons: selection.wantsReset || selection.wantsDrop ? readReasons() : { reset: [], drop: [] },
  });
  const names = createNames({ ledger, proc: procOf(options.hostRoot), findProcess: decoder.findProcess });
  const enrichPlace = createPlaces({
    networks: options.cidrName,
    geoip: options.geoip,
    ledger,
    warn: log.warn,
  });

  const enrichClusterPeer = createClusterPeers(kubernetes);

  const forward = (records: ConnectionRecord[]): void => {
    for (const record of records) {
      enrichPlace(record);
      enrichClusterPeer(record);
    }
    exportAll(containers.pass(records));
  };
  const join = createJoin({ emit: forward });

  const exportLookups = (): void => {
    const lookups = names.takeLookups(BigInt(Date.now()) * 1_000_000n);
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

  const capture = startCapture(
    {
      ringBytes: options.ringSize,
      maxConnections: options.maxConnections,
      emitOpen: selection.wantsOpen,
      retransmits: selection.wantsRetransmit,
      resets: selection.wantsReset,
      drops: selection.wantsDrop,
      listeners: selection.wantsListeners,
      details: options.tcpDetails,
      dns: options.dns,
      updates: selection.wantsUpdate,
      idleUpdates: options.idleUpdates,
      tcp: options.tcp || !options.udp,
      udp: options.udp || !options.tcp,
      maxFlows: options.maxFlows,
      flowIdle: options.flowIdle,
      onlyNetworkNamespace: options.networkNamespace ?? 0,
      existing: options.snapshot,
    },
    onBatch,
    (text) => log.debug(text),
  );
  const wantsSnapshots = selection.wantsUpdate || selection.wantsListeners;
  const snapshots = wantsSnapshots ? setInterval(() => capture.requestSnapshot(), options.interval) : undefined;

  // What is never answered ends without a batch.
  const lookups = options.dns ? setInterval(exportLookups, 500) : undefined;

  let stopping: Promise<void> | undefined;
  return {
    description: describe(options, selection, capture, exporters),
    kernelCounts: () => capture.counts(),
    shutdown(deadline) {
      stopping ??= stop(deadline);
      return stopping;
    },
  };

  async function stop(deadline: number): Promise<void> {
    clearInterval(snapshots);
    clearInterval(lookups);
    await capture.stop();
    join.flush();
    containers.close();
    kubernetes?.close();
    await Promise.all(exporters.map((exporter) => exporter.shutdown(deadline)));
  }
}

/** Kernel, what is seen, what is not and why, outputs. */
function describe(
  options: Options,
  { wantsDrop }: Selection,
  { features }: Capture,
  exporters: readonly Exporter[],
): string {
  const off: string[] = [];
  const wantsUdp = options.udp || !options.tcp;
  if (wantsUdp && !features.udp) off.push('udp (Linux 6.2 or later and cgroup v2)');
  const watched = [...(options.tcp || !options.udp ? ['tcp'] : []), ...(wantsUdp && features.udp ? ['udp'] : [])];
  if (!features.snapshot) off.push('updates of live connections (Linux 6.2 or later)');
  if (wantsDrop && !features.drops) off.push('dropped segments (Linux 6.2 or later)');
  if (!features.useCalls) off.push('owners by sending (Linux 6.3 or later)');
  const byCgroup = 'owners of unused sockets, connects without a route';
  if (!features.cgroupHooks) off.push(`${byCgroup} (no cgroup v2)`);
  else if (!features.wholeHost) off.push(`${byCgroup} outside this cgroup namespace`);
  if (options.dns && !features.dns) off.push('names by DNS (Linux 6.2 or later and cgroup v2)');
  const outputs = exporters.map((exporter) => exporter.name).join(', ') || 'none';
  const missing = off.length > 0 ? `; off: ${off.join(', ')}` : '';
  return `Linux ${release()}, watching ${watched.join(' and ')}${missing}; outputs: ${outputs}`;
}
