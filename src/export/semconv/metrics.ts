/** The metrics: of connections, of look-ups of names, of the agent itself. */

export type Instrument = 'counter' | 'upDownCounter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly instrument: Instrument;
  readonly unit: string;
  readonly description: string;
  /** Upper bounds of the buckets; histograms only. */
  readonly bounds?: readonly number[];
}

/** Keys of metric attributes; a metric carries no pid, no ephemeral port and no peer address. */
export const metricAttributeKeys = {
  transport: 'network.transport',
  networkType: 'network.type',
  role: 'sockflow.connection.role',
  serverPort: 'server.port',
  serverAddress: 'server.address',
  service: 'service.name',
  namespace: 'k8s.namespace.name',
  questionName: 'dns.question.name',
  error: 'error.type',
  direction: 'network.io.direction',
  overflow: 'otel.metric.overflow',
  stage: 'sockflow.agent.stage',
  reason: 'sockflow.agent.reason',
  what: 'sockflow.agent.what',
  exporter: 'sockflow.agent.exporter',
  capability: 'sockflow.agent.capability.name',
  cpuMode: 'cpu.mode',
  lookupResult: 'sockflow.agent.lookup.result',
} as const;

/** The metrics of connections. */
export const connectionMetrics = {
  duration: {
    name: 'sockflow.connection.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'How long connections lasted, from their begin to their end.',
    bounds: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  },
  handshake: {
    name: 'sockflow.tcp.handshake.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'SYN to SYN-ACK, as the client sees it.',
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  rtt: {
    name: 'sockflow.tcp.rtt',
    instrument: 'histogram',
    unit: 's',
    description: 'Smoothed round-trip time when a connection is reported: at its end, and at each update.',
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
  io: {
    name: 'sockflow.connection.io',
    instrument: 'counter',
    unit: 'By',
    description: 'Payload, without retransmissions.',
  },
  packets: {
    name: 'sockflow.connection.packets',
    instrument: 'counter',
    unit: '{packet}',
    description: 'TCP segments and UDP datagrams.',
  },
  retransmits: {
    name: 'sockflow.tcp.retransmits',
    instrument: 'counter',
    unit: '{segment}',
    description: 'Segments sent again.',
  },
  resets: {
    name: 'sockflow.tcp.resets',
    instrument: 'counter',
    unit: '{segment}',
    description: 'Resets, those that belong to no connection included.',
  },
  listenDrops: {
    name: 'sockflow.tcp.listen.drops',
    instrument: 'counter',
    unit: '{segment}',
    description: 'SYNs and last ACKs that listeners dropped, mostly because their queue was full.',
  },
  opened: {
    name: 'sockflow.connection.opened',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections begun, failed attempts and those older than the agent included.',
  },
  closed: {
    name: 'sockflow.connection.closed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that were established and ended.',
  },
  failed: {
    name: 'sockflow.connection.failed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Attempts that never became a connection.',
  },
  count: {
    name: 'sockflow.connection.count',
    instrument: 'upDownCounter',
    unit: '{connection}',
    description: 'Connections that live: opened − closed − failed.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** Bounds as the conventions have them for dns.lookup.duration. */
export const lookupMetric = {
  name: 'sockflow.dns.lookup.duration',
  instrument: 'histogram',
  unit: 's',
  description: 'How long look-ups of names took, from the first question to the answer; error.type when they failed.',
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
} as const satisfies MetricDefinition;

/** The metrics of the agent itself. */
export const agentMetrics = {
  received: {
    name: 'sockflow.agent.received',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that came from the kernel.',
  },
  lost: {
    name: 'sockflow.agent.lost',
    instrument: 'counter',
    unit: '{record}',
    description:
      'Records that will never be delivered, each in exactly one stage and reason; traces_… are spans, metrics_… points.',
  },
  faults: {
    name: 'sockflow.agent.faults',
    instrument: 'counter',
    unit: '{fault}',
    description: 'Work that failed without a record being lost by it, each in exactly one stage and what.',
  },
  sent: {
    name: 'sockflow.agent.sent',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that a back end accepted.',
  },
  restored: {
    name: 'sockflow.agent.restored',
    instrument: 'counter',
    unit: '{record}',
    description: 'Of the accepted records, those that an earlier run left in the spool.',
  },
  dropped: {
    name: 'sockflow.agent.dropped',
    instrument: 'counter',
    unit: '{message}',
    description: 'What the kernel side had no room for without a connection being lost by it: updates come again.',
  },
  opened: {
    name: 'sockflow.agent.connection.opened',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that the kernel side saw begin: opened = live + closed + lost in the kernel.',
  },
  closed: {
    name: 'sockflow.agent.connection.closed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections whose end the kernel side reported.',
  },
  live: {
    name: 'sockflow.agent.connection.live',
    instrument: 'gauge',
    unit: '{connection}',
    description: 'Connections that the kernel side follows.',
  },
  lookups: {
    name: 'sockflow.agent.container.lookups',
    instrument: 'counter',
    unit: '{container}',
    description: 'Containers by how their name came: hit (known beforehand), found, miss (nobody knows it), error.',
  },
  late: {
    name: 'sockflow.agent.container.late',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that went without the name of their container, which came too late or not at all.',
  },
  folded: {
    name: 'sockflow.agent.flow.folded',
    instrument: 'counter',
    unit: '{packet}',
    description: 'Datagrams of peers that the table of UDP conversations had no room for, counted with their socket.',
  },
  queue: {
    name: 'sockflow.agent.queue.size',
    instrument: 'gauge',
    unit: 'By',
    description: 'Bytes that wait for a back end.',
  },
  spool: {
    name: 'sockflow.agent.spool.size',
    instrument: 'gauge',
    unit: 'By',
    description: 'Bytes on disk that wait for a back end.',
  },
  exportDuration: {
    name: 'sockflow.agent.export.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'How long requests took to be answered; error.type when they were not accepted.',
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  exportRetries: {
    name: 'sockflow.agent.export.retries',
    instrument: 'counter',
    unit: '{request}',
    description: 'Requests that failed and were made again.',
  },
  exportRenewals: {
    name: 'sockflow.agent.export.renewals',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that were replaced because nothing passed on them.',
  },
  capability: {
    name: 'sockflow.agent.capability',
    instrument: 'gauge',
    unit: '{capability}',
    description: '1: it is there and in use; 0: this kernel or host does not have it, or it was not asked for.',
  },
  cpu: {
    name: 'sockflow.agent.cpu.time',
    instrument: 'counter',
    unit: 's',
    description: 'CPU time of the agent; what its programs take in the kernel is not in it.',
  },
  memory: {
    name: 'sockflow.agent.memory.usage',
    instrument: 'gauge',
    unit: 'By',
    description: 'Memory of the agent (resident set).',
  },
  eventLoopDelay: {
    name: 'sockflow.agent.eventloop.delay',
    instrument: 'histogram',
    unit: 's',
    description: 'How late the event loop was, looked at 20 times a second: so long records wait.',
    bounds: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
  },
} as const satisfies Record<string, MetricDefinition>;
