/** What `watch` and `replay` can be asked, checked by the same rules as the command line. */
import { duration, integer, type Kind, someOf } from '../cli/kinds.ts';
import { nearest } from '../cli/nearest.ts';
import { type Key, type Options, table } from '../cli/options.ts';
import { resolve, type Settings } from '../cli/resolve.ts';
import { quote } from '../cli/tokens.ts';
import { UsageError } from '../errors.ts';
import type { EventName, Transport } from '../model.ts';

/** Milliseconds, or a text such as `10s`. */
export type Duration = number | string;

/** Bytes, or a text such as `16MiB`. */
export type Size = number | string;

/** What a watcher of this host and one of a recording have in common. */
export interface ReplayOptions {
  /** Default: open, close, failed and retransmit. Kinds that are not asked for cost nothing. */
  readonly events?: readonly EventName[];
  /** Default: both. */
  readonly transports?: readonly Transport[];
  /** Only connections of this network namespace: its inode number, or `self`. Default: all of the host. */
  readonly networkNamespace?: number | 'self';
  /** Only what all of these words say, such as `proc=nginx !port=22 rtt>50ms`: docs/filter.md. */
  readonly filter?: string;
  /** What networks are called, by their CIDR: `{ '10.0.0.0/8': 'corp' }`. */
  readonly cidrName?: Readonly<Record<string, string>>;
  /** MaxMind files (.mmdb) that tell where public addresses are. */
  readonly geoip?: readonly string[];
  /** Records that may wait to be taken. Default: 65,536, some 50 MiB. */
  readonly queueLimit?: number;
  /** Closes the watcher. */
  readonly signal?: AbortSignal;
  /** Gets a sentence when something is not as it should be, and nothing is lost by it. Default: nobody is told. */
  readonly onWarning?: (message: string) => void;
}

export interface WatchOptions extends ReplayOptions {
  /** How often live connections are reported, for `update` events. Default: 10 s. */
  readonly interval?: Duration;
  /** Update events of connections that did not move, too. Default: false. */
  readonly idleUpdates?: boolean;
  /** Connections that are older than the watcher. Default: true. */
  readonly snapshot?: boolean;
  /** `details` of TCP records. Default: false. */
  readonly tcpDetails?: boolean;
  /** `commandArgs` of processes, with what looks like a secret replaced by [REDACTED]. Default: false. */
  readonly commandArgs?: boolean;
  /** Names that peers were looked up under. Default: true. */
  readonly dns?: boolean;
  /** Names of containers, asked of their runtimes. Default: true. */
  readonly docker?: boolean;
  /** Where Docker or Podman listens. Default: the usual places, and DOCKER_HOST. */
  readonly dockerSocket?: readonly string[];
  /** Where containerd, CRI-O or another CRI runtime listens. Default: the usual places. */
  readonly runtimeEndpoint?: readonly string[];
  /** Labels of containers that are told, by their keys. */
  readonly containerLabels?: readonly string[];
  /** How long a record may wait for its container's name. Default: 2 s. */
  readonly containerWait?: Duration;
  /** Who is asked for pods. Default: auto. */
  readonly kubernetes?: 'auto' | 'api' | 'kubelet' | 'none';
  /** How the API server is reached from outside of a pod: the name of a file. */
  readonly kubeconfig?: string;
  readonly kubeletEndpoint?: string;
  /** The name of a file (PEM). */
  readonly kubeletCertificate?: string;
  /** The name that Kubernetes has for this host. Default: the host name. */
  readonly nodeName?: string;
  readonly podLabels?: readonly string[];
  readonly podAnnotations?: readonly string[];
  /** `clusterPeer` of records: whose address the peer has in the cluster. Takes memory. Default: false. */
  readonly kubernetesPeers?: boolean;
  /** Where the host's files are, when this runs in a container itself. Default: `/`. */
  readonly hostRoot?: string;
  /** Write all that is seen to this new file, too; `replay` shows it again. */
  readonly record?: string;
  /** The recording has other addresses and names. Default: false. */
  readonly anonymize?: boolean;
  /** Memory between the kernel and this process. Default: 16 MiB. */
  readonly ringSize?: Size;
  /** Live connections that can be followed at once. Default: 131,072. */
  readonly maxConnections?: number;
  /** UDP conversations that can be told apart at once. Default: 65,536. */
  readonly maxFlows?: number;
  /** A UDP conversation ends when it has not moved for so long. Default: 60 s. */
  readonly flowIdle?: Duration;
}

type Own = 'transports' | 'queueLimit' | 'signal' | 'onWarning';
/** By their names on the command line. */
type Shared = Exclude<keyof WatchOptions, Own> & Key;

const ofReplay = ['events', 'networkNamespace', 'filter', 'cidrName', 'geoip'] as const satisfies Shared[];
const ofWatch = [
  ...ofReplay,
  'interval',
  'idleUpdates',
  'snapshot',
  'tcpDetails',
  'commandArgs',
  'dns',
  'docker',
  'dockerSocket',
  'runtimeEndpoint',
  'containerLabels',
  'containerWait',
  'kubernetes',
  'kubeconfig',
  'kubeletEndpoint',
  'kubeletCertificate',
  'nodeName',
  'podLabels',
  'podAnnotations',
  'kubernetesPeers',
  'hostRoot',
  'record',
  'anonymize',
  'ringSize',
  'maxConnections',
  'maxFlows',
  'flowIdle',
] as const satisfies Shared[];
const own: readonly string[] = ['transports', 'queueLimit', 'signal', 'onWarning'] satisfies Own[];

const transports = someOf('', 'tcp', 'udp');
const queueLimit = integer(1, 2 ** 24);
const DEFAULT_LIMIT = '65536';

export interface Read {
  readonly options: Options;
  readonly queueLimit: number;
}

/** Throws a UsageError that names the option, what was expected and what came. The environment has no say. */
export function readWatchOptions(given: WatchOptions): Read {
  return read(given, ofWatch);
}

export function readReplayOptions(given: ReplayOptions): Read {
  return read(given, ofReplay);
}

function read(given: WatchOptions, names: readonly Shared[]): Read {
  checkNames(given, [...names, ...own]);
  const settings = new Map(
    names.flatMap((name) => (given[name] === undefined ? [] : [[name as Key, settingOf(name, given[name])] as const])),
  );
  // The one output is like stdout: it has what is asked for, and nothing goes anywhere else.
  const written: Settings = new Map([
    ...settings,
    ...settingsOfTransports(given),
    ['format', { text: 'json', source: '' }],
  ]);
  return {
    options: resolve(written, {}),
    queueLimit: readOwn('queueLimit', queueLimit, given.queueLimit ?? DEFAULT_LIMIT),
  };
}

function checkNames(given: WatchOptions, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, names);
  throw new UsageError(`there is no option ${quote(unknown)}${near ? `; did you mean ${near}?` : ''}`);
}

function settingOf(name: Shared, value: unknown) {
  return { text: toText(table[name].kind, value), source: name };
}

/** As one would type it. */
function toText(kind: Kind<unknown>, value: unknown): string {
  if (Array.isArray(value)) return value.join(kind.type === 'repeated' ? '\n' : ',');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, part]) => `${key}=${part}`)
      .join('\n');
  return typeof value === 'number' && kind === duration ? `${value}ms` : String(value);
}

/** One alone leaves the other one out. */
function settingsOfTransports({ transports: given }: WatchOptions): [Key, { text: string; source: string }][] {
  const wanted = given === undefined ? [] : readOwn('transports', transports, given);
  return wanted.length === 1 ? [[wanted[0] as Key, { text: 'true', source: 'transports' }]] : [];
}

function readOwn<Value>(name: Own, kind: Kind<Value>, given: unknown): Value {
  const text = toText(kind, given);
  const value = kind.parse(text);
  if (value === undefined) throw new UsageError(`${name} expects ${kind.expects}, not ${quote(text)}`);
  return value;
}
