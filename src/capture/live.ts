/** The kernel of this host as a source of batches, and this host's files and runtimes as what knows its processes. */
import { release } from 'node:os';
import type { Options } from '../cli/options.ts';
import { createArgumentsEnricher } from '../enrich/command-args.ts';
import { createContainers } from '../enrich/containers.ts';
import type { Enricher } from '../enrich/enricher.ts';
import { createClusterPeers, createKubernetes, kubernetesOptions } from '../enrich/kubernetes/index.ts';
import { createUserEnricher } from '../enrich/user.ts';
import { machineIdFile, readHost, readOwnNetworkNamespace } from '../export/host.ts';
import type { Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { ConnectionRecord } from '../model.ts';
import { createSelection, type Selection } from '../select.ts';
import { type Capture, lookupName, readReasons, startCapture, startPrivileged } from './capture.ts';
import { checkHost } from './host.ts';
import type { CaptureOptions, Features } from './native.ts';
import { describeFromProc, procOf, showsHost } from './proc.ts';
import { directFiles, filesBy } from './process-files.ts';
import type { Identity, Sink, Source } from './source.ts';

/**
 * Throws StartError when the host does not let it. `willLeave`: privileges are given up after the start, so what takes them
 * later is left to a process of its own.
 */
export function openLive(options: Options, log: Log, ledger: Ledger, willLeave = false): Source {
  checkHost();
  const selection = createSelection(options);
  const proc = procOf(options.hostRoot);
  const privileged = willLeave && !options.keepCapabilities ? startPrivileged(proc) : undefined;
  const files = privileged ? filesBy(privileged) : directFiles(proc);
  let capture: Capture;
  let snapshots: NodeJS.Timeout | undefined;
  return {
    host: readHost(machineIdFile(options.hostRoot)),
    ownNetworkNamespace: readOwnNetworkNamespace(),
    reasons: selection.wantsReset || selection.wantsDrop ? readReasons() : { reset: [], drop: [] },
    files,
    now: () => BigInt(Date.now()) * 1_000_000n,
    describe: (pid, serial) => describeFromProc(pid, serial, proc, files),
    identify: (emit) =>
      identify(options, log, ledger, emit, options.commandArgs ? [createArgumentsEnricher(proc, files)] : []),
    start(sink: Sink) {
      capture = startCapture(captureOptions(options, selection), sink, (text) => log.debug(text), privileged);
      snapshots = setInterval(() => capture.requestSnapshot(), options.interval);
      return describe(options, selection, capture.features);
    },
    counts: () => capture.counts(),
    capabilities: () => ({
      ...capabilities(capture.features),
      ...(privileged && { other_namespaces: privileged.isThere }),
    }),
    async stop() {
      clearInterval(snapshots);
      await capture.stop();
      privileged?.close();
    },
  };
}

/** By their names in metrics. */
function capabilities(features: Features): Record<string, boolean> {
  const named = Object.entries(features).map(([name, isThere]) => [name.replace(/[A-Z]/g, toSnake), isThere]);
  return Object.fromEntries(named);
}

const toSnake = (letter: string) => `_${letter.toLowerCase()}`;

function identify(
  options: Options,
  log: Log,
  ledger: Ledger,
  emit: (records: ConnectionRecord[]) => void,
  more: readonly Enricher[],
): Identity {
  const kubernetes = createKubernetes(kubernetesOptions(options, ledger, log));
  const containers = createContainers({ options, ledger, log, kubernetes, emit });
  return {
    description: `containers: ${containers.description}${kubernetes?.description ? `; pods: ${kubernetes.description}` : ''}`,
    enrichers: [createUserEnricher(lookupName, options.hostRoot), containers.enricher, ...more],
    completePeer: createClusterPeers(kubernetes),
    pass: containers.pass,
    close() {
      containers.close();
      kubernetes?.close();
    },
  };
}

/** What the kernel side is asked for. */
export function captureOptions(options: Options, selection: Selection): CaptureOptions {
  return {
    ringBytes: options.ringSize,
    maxConnections: options.maxConnections,
    emitOpen: selection.wantsOpen,
    retransmits: selection.wantsRetransmit,
    resets: selection.wantsReset,
    drops: selection.wantsDrop,
    listeners: selection.wantsListeners,
    details: options.tcpDetails,
    commandArgs: options.commandArgs,
    dns: options.dns,
    updates: selection.wantsUpdate,
    idleUpdates: options.idleUpdates,
    tcp: options.tcp || !options.udp,
    udp: options.udp || !options.tcp,
    maxFlows: options.maxFlows,
    flowIdle: options.flowIdle,
    onlyNetworkNamespace: options.networkNamespace ?? 0,
    existing: options.snapshot,
  };
}

/** Kernel, what is seen, what is not and why. */
function describe(options: Options, { wantsDrop }: Selection, features: Features): string {
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
  off.push(...hidden(options));
  const missing = off.length > 0 ? `; off: ${off.join(', ')}` : '';
  return `Linux ${release()}, watching ${watched.join(' and ')}${missing}`;
}

/** What an agent in a container misses of the host around it. */
function hidden({ hostRoot, dns }: Options): string[] {
  if (showsHost('/proc')) return [];
  const inside = "(not in the host's pid namespace)";
  return [
    `interfaces in other network namespaces ${inside}`,
    ...(dns && !showsHost(procOf(hostRoot)) ? [`hosts files of other processes ${inside}`] : []),
    ...(hostRoot === '/' ? ["user names of the host (no --host-root, so they are this container's)"] : []),
  ];
}
