/** The package `sockflow` for programs: docs/library.md. */
import { type ReplayOptions, readReplayOptions, readWatchOptions, type WatchOptions } from './library/options.ts';
import { openWatcher, type Watcher } from './library/watcher.ts';

export { StartError, UsageError } from './errors.ts';
export type { Duration, ReplayOptions, Size, WatchOptions } from './library/options.ts';
export type { ConnectionEventRecord, WatchedRecord } from './library/records.ts';
export type { Counted, Statistics, Watcher } from './library/watcher.ts';
export type {
  Attribution,
  CloseReason,
  ClusterPeer,
  ConnectionEvent,
  Container,
  ContainerDetails,
  ErrorType,
  EventName,
  KubernetesContainer,
  KubernetesPod,
  LookupError,
  LookupRecord,
  Place,
  Pod,
  PodDetails,
  Process,
  Role,
  TcpDetails,
  Transport,
  Workload,
} from './model.ts';

/**
 * Watches the connections of this host. When it resolves every hook is attached: from then on no connection is missed.
 * Rejects with a UsageError for an option that is wrong, with a StartError, whose `remedy` says what to do, when the host
 * does not let it. Needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.
 */
export async function watch(options: WatchOptions = {}): Promise<Watcher> {
  const read = readWatchOptions(options);
  const { startLive } = await import('./start.ts');
  return openWatcher(read, options, startLive);
}

/**
 * What a recording of `record` or `--record` has, as fast as it is taken; nothing is lost on the way. Needs no
 * privileges. Rejects with a StartError for what is no recording of this version.
 */
export async function replay(file: string, options: ReplayOptions = {}): Promise<Watcher> {
  const read = readReplayOptions(options);
  const { startReplay } = await import('./start.ts');
  return openWatcher(read, options, (...args) => startReplay(file, ...args), true);
}
