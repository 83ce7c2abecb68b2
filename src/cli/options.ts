/**
 * Every option, once: the command line, the environment and the help are made from this table. The key is the field of
 * `Options`; in kebab case it is the name (`--otlp-endpoint`), in capitals the variable (`SOCKFLOW_OTLP_ENDPOINT`).
 */
import { filter } from '../filter/kind.ts';
import type { EventName } from '../model.ts';
import { groupings, sortings } from '../top/choices.ts';
import { define, groups, type Option } from './define.ts';
import {
  account,
  address,
  columns,
  directory,
  duration,
  file,
  files,
  flag,
  httpUrl,
  integer,
  labels,
  metricAttributes,
  networkNames,
  networkNamespace,
  nodeName,
  oneOf,
  ringSize,
  root,
  size,
  sockets,
  someOf,
} from './kinds.ts';
import { attributes, headers, otlpUrl } from './otlp-kinds.ts';
import { zmqEndpoints, zmqPublicKey } from './zmq-kinds.ts';

export { type Group, groups, type Option } from './define.ts';

const watched = groups[0];
const names = groups[1];
const output = groups[2];
const live = groups[3];
const otlp = groups[4];
const ntopng = groups[5];
const running = groups[6];
const advanced = groups[7];

const events = [
  'open',
  'update',
  'close',
  'failed',
  'retransmit',
  'reset',
  'drop',
  'dns',
] as const satisfies EventName[];

export const table = {
  tcp: define(watched, flag, 'TCP alone', { aliases: ['t'] }).default('false'),
  udp: define(watched, flag, 'UDP alone', { aliases: ['u'] }).default('false'),
  in: define(watched, flag, 'Connections accepted here; UDP begun by the peer', { aliases: ['i'] }).default('false'),
  out: define(watched, flag, 'Connections begun here, failed ones too; UDP begun here', {
    aliases: ['o', 'on'],
  }).default('false'),
  retransmits: define(watched, flag, 'Retransmissions', { aliases: ['r', 'retr'] }).default('false'),
  close: define(watched, flag, 'Ends of connections, with what they moved', { aliases: ['c', 'tcpclose'] }).default(
    'false',
  ),
  events: define(
    watched,
    someOf('LIST', ...events),
    'Exactly these, on every output: open, update, close, failed, retransmit, reset, drop, dns (look-ups of names that failed)',
  ).optional,
  filter: define(
    watched,
    filter,
    'Only what all of these words say, on every output, such as "proc=nginx !port=22 rtt>50ms"; docs/filter.md',
  ).optional,
  networkNamespace: define(watched, networkNamespace, 'Only connections of this network namespace').optional,
  snapshot: define(watched, flag, 'Connections older than the agent', { negatable: true }).default('true'),

  dns: define(names, flag, 'Names that peers were looked up under, from the answers of DNS and /etc/hosts', {
    negatable: true,
  }).default('true'),
  cidrName: define(names, networkNames, 'What a network is called; the smallest one counts; repeatable').default(''),
  geoip: define(
    names,
    files,
    'Country, city and network (ASN) of public peers from this MaxMind file of yours; repeatable',
  ).default(''),

  docker: define(names, flag, 'Names of containers, asked of their runtimes', {
    aliases: ['d'],
    negatable: true,
  }).default('true'),
  dockerSocket: define(
    names,
    files,
    'Where Docker or Podman listens; repeatable. By default the usual places and DOCKER_HOST',
  ).default(''),
  containerLabels: define(names, labels, 'Labels of containers that are reported, by their keys').default(''),
  containerWait: define(names, duration, "How long a record may wait for its container's name").default('2s'),
  runtimeEndpoint: define(
    names,
    sockets,
    'Where containerd, CRI-O or another CRI runtime listens; repeatable. By default the usual places',
  ).default(''),
  kubernetes: define(
    names,
    oneOf('auto', 'api', 'kubelet', 'none'),
    'Who is asked for pods: the API server, the kubelet, nobody; auto: the API server where there is a service account, else the kubelet',
  ).default('auto'),
  kubeconfig: define(names, file, 'How the API server is reached from outside of a pod').optional,
  kubeletEndpoint: define(names, httpUrl, 'Where the kubelet listens').default('http://127.0.0.1:10255'),
  kubeletCertificate: define(names, file, "Certificates (PEM) that the kubelet's is checked against").optional,
  nodeName: define(names, nodeName, 'The name that Kubernetes has for this host; default: the host name').optional,
  podLabels: define(names, labels, 'Labels of pods that are reported, by their keys').default(''),
  podAnnotations: define(names, labels, 'Annotations of pods that are reported, by their keys').default(''),
  kubernetesPeers: define(
    names,
    flag,
    'Whose pod or service the address of the other end is, in the whole cluster; takes memory',
  ).default('false'),
  hostRoot: define(names, root, "Where the host's files are, when the agent is in a container itself").default('/'),

  format: define(
    output,
    oneOf('text', 'json', 'pcapng', 'none'),
    'What stdout shows: text, or none when an endpoint is given; pcapng is for Wireshark: docs/wireshark.md',
  ).optional,
  columns: define(output, columns, 'Only these columns of text, in this order, such as time,process,peer,rtt').optional,
  verbose: define(output, flag, 'Every field of a record, in a block below its line', { aliases: ['v'] }).default(
    'false',
  ),
  tcpDetails: define(
    output,
    flag,
    'More of each TCP connection: congestion window, segment size, delivery rate, what is unsent',
  ).default('false'),
  commandArgs: define(
    output,
    flag,
    'Arguments of processes (process.command_args), with what looks like a secret replaced by [REDACTED]; docs/command-args.md',
  ).default('false'),
  idleUpdates: define(output, flag, 'Update events of connections that did not move, too').default('false'),
  interval: define(output, duration, 'How often live connections are reported (update events); top: 1s').default('10s'),

  once: define(live, flag, 'One table after one interval, on any output; then the end').default('false'),
  group: define(live, oneOf(...groupings), 'Connections that belong together').default('process'),
  sort: define(live, oneOf(...sortings), 'What stands first').default('rate'),

  otlpEndpoint: define(otlp, otlpUrl, 'Send there; over HTTP to /v1/logs and so on below it').optional,
  otlpProtocol: define(otlp, oneOf('grpc', 'http/protobuf', 'http/json'), 'How; grpc if nothing else is said').optional,
  otlpHeader: define(otlp, headers, 'Sent with every request; repeatable').optional,
  otlpCertificate: define(otlp, file, "Certificates (PEM) that the server's is checked against").optional,
  otlpClientCertificate: define(otlp, file, "The agent's own certificate (PEM)").optional,
  otlpClientKey: define(otlp, file, 'The key to it (PEM)').optional,
  otlpCompression: define(otlp, oneOf('gzip', 'none'), 'What leaves is compressed or not').optional,
  otlpTimeout: define(otlp, duration, 'How long the server may take to answer a request').optional,
  logs: define(otlp, flag, 'A log record for each event; on when there is an endpoint', { negatable: true }).optional,
  metrics: define(otlp, flag, 'Metrics; on when there is an endpoint', { negatable: true }).optional,
  traces: define(otlp, flag, 'A span for each connection that ended; off unless asked for', { negatable: true })
    .optional,
  metricInterval: define(otlp, duration, 'How often metrics are sent').default('60s'),
  metricAttributes: define(
    otlp,
    metricAttributes,
    'What metrics are told apart by: exactly these, or changes such as +container.name,-server.port',
  ).default(''),
  histogram: define(otlp, oneOf('explicit', 'exponential'), 'Kind of the histograms').default('explicit'),
  spool: define(
    otlp,
    directory,
    'Keep records that the server does not take in this directory, over restarts, too; docs/delivery.md',
  ).optional,
  identity: define(
    otlp,
    oneOf('resource', 'record'),
    'Where log records say whose they are: a resource for each process, or attributes of each record',
  ).default('resource'),
  attribute: define(
    otlp,
    attributes,
    'Added to each resource, in JSON lines too, where nothing of that name is observed; repeatable',
  ).default(''),

  zmq: define(
    ntopng,
    zmqEndpoints,
    'Flows for ntopng, which connects there; with a c at the end ntopng listens there; repeatable; docs/ntopng.md',
    { aliases: ['z'] },
  ).default(''),
  zmqFormat: define(
    ntopng,
    oneOf('tlv', 'json', 'legacy'),
    'tlv: ntopng 5.4 and later, json: 5.4, 5.6 and Pro, legacy: 4.0 to 5.2',
  ).default('tlv'),
  zmqEncryptionKey: define(ntopng, zmqPublicKey, 'The public key of an ntopng that runs with --zmq-encryption')
    .optional,
  zmqContainer: define(
    ntopng,
    oneOf('id', 'name'),
    'What ntopng shows for a container: its id, or the name of namespace, pod and container',
  ).default('id'),

  config: define(
    running,
    file,
    'Settings from this YAML file: names of options and their values; sockflow config shows what is in force',
  ).optional,
  record: define(
    running,
    file,
    'Write all that is seen to this new file, too; sockflow replay FILE shows it again, anywhere',
  ).optional,
  anonymize: define(
    running,
    flag,
    'The recording has other addresses and names, names of look-ups and of containers not at all',
  ).default('false'),
  duration: define(running, duration, 'Stop by itself after this time').optional,
  shutdownTimeout: define(running, duration, 'How long the end may take: what is not sent by then is counted').default(
    '10s',
  ),
  health: define(
    running,
    address,
    "Answer /livez, /readyz and /metrics (the agent's own, for Prometheus) there; a port alone is one of 127.0.0.1",
  ).optional,
  user: define(running, account, 'Whom to become once everything is attached; the spool is handed over to it').optional,
  keepCapabilities: define(running, flag, 'Do without giving up all capabilities once everything is attached').default(
    'false',
  ),
  logLevel: define(
    running,
    oneOf('error', 'warn', 'info', 'debug'),
    'What the agent says about itself on stderr',
  ).default('info'),

  queueSize: define(advanced, size(2 ** 20), 'Memory for records that wait for the server or for ntopng').default(
    '64MiB',
  ),
  metricLimit: define(
    advanced,
    integer(10, 1_000_000),
    'Series of one metric; what finds no room is in one more, otel.metric.overflow',
  ).default('2000'),
  metricTtl: define(
    advanced,
    duration,
    'A series ends when nothing came for so long and none of its connections live',
  ).default('10m'),
  spoolSize: define(advanced, size(2 ** 24), 'Disk space for the spool; when it is full the oldest go').default('1GiB'),
  ringSize: define(advanced, ringSize, 'Memory between the kernel and the agent').default('16MiB'),
  maxConnections: define(advanced, integer(1024, 2 ** 24), 'Live connections that can be followed at once').default(
    '131072',
  ),
  maxFlows: define(
    advanced,
    integer(1024, 2 ** 22),
    'UDP conversations that can be told apart at once; one socket gets half of them at most',
  ).default('65536'),
  flowIdle: define(advanced, duration, 'A UDP conversation ends when it has not moved for so long').default('60s'),
};

export type Key = keyof typeof table;
type Given = { readonly [K in Key]: (typeof table)[K] extends Option<infer Value> ? Value : never };
export type Format = 'text' | 'json' | 'pcapng' | 'none';

/** What the agent was asked to do. Times are milliseconds, sizes bytes. */
export interface Options extends Omit<Given, 'format' | 'logs' | 'metrics' | 'traces'> {
  /** What stdout shows, after the default was worked out. */
  readonly format: Format;
  /** Whether OTLP log records are sent: there is an endpoint for them, and they were not turned off. */
  readonly logs: boolean;
  /** Whether OTLP metrics are sent. */
  readonly metrics: boolean;
  /** Whether OTLP spans are sent. */
  readonly traces: boolean;
}

/** Name on the command line, without the dashes. */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Name in the environment. */
export function variableName(key: string): string {
  return `SOCKFLOW_${optionName(key).replaceAll('-', '_').toUpperCase()}`;
}

/** The table as a list. */
export const entries = Object.entries(table) as readonly [Key, Option<unknown>][];
