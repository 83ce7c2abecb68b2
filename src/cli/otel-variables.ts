/**
 * Every OTEL_* variable of the specification, and what sockflow makes of it. docs/otel-variables.md is this table, and a
 * test finds each variable that is honoured in the code, and none that is not.
 */

export interface OtelVariable {
  readonly name: string;
  readonly isHonoured: boolean;
  /** What it does here; or why it does nothing. */
  readonly note: string;
}

const honoured = (name: string, note: string): OtelVariable => ({ name, isHonoured: true, note });
const ignored = (name: string, note: string): OtelVariable => ({ name, isHonoured: false, note });

const signals = ['LOGS', 'METRICS', 'TRACES'] as const;

/** A variable for all signals, and those for one, which win over it. */
function perSignal(name: string, note: string): OtelVariable[] {
  const own = signals.map((signal) => honoured(`OTEL_EXPORTER_OTLP_${signal}_${name}`, 'the same for one signal'));
  return [honoured(`OTEL_EXPORTER_OTLP_${name}`, note), ...own];
}

const BYTES = 'queues and batches are measured in bytes, not in records: `--queue-size`';
const ATTEMPT = 'a request has OTEL_EXPORTER_OTLP_TIMEOUT, and is tried again for as long as there is room';
const LIMITS = 'attributes are few, and their names are fixed';
const OTHER = 'sockflow has no such exporter';

export const otelVariables: readonly OtelVariable[] = [
  honoured('OTEL_SDK_DISABLED', '`true`: nothing is sent over OTLP, unless a signal is asked for by a flag'),
  honoured(
    'OTEL_RESOURCE_ATTRIBUTES',
    'as `--attribute`: added to every resource; `service.name` only to that of the agent. Of a key that sockflow has itself what is observed comes first, and what is given fills the gaps',
  ),
  honoured(
    'OTEL_SERVICE_NAME',
    "`service.name` of the agent's own metrics; observed processes have names of their own",
  ),
  honoured('OTEL_LOG_LEVEL', 'as `--log-level`: error, warn, info or debug'),
  honoured('OTEL_LOGS_EXPORTER', '`none`: no log records'),
  honoured('OTEL_METRICS_EXPORTER', '`none`: no metrics'),
  honoured('OTEL_TRACES_EXPORTER', '`otlp`: as `--traces`'),
  ...perSignal('ENDPOINT', 'as `--otlp-endpoint`; that of one signal is taken as it is, its path too'),
  ...perSignal('PROTOCOL', 'as `--otlp-protocol`; grpc if nothing else is said'),
  ...perSignal('HEADERS', 'as `--otlp-header`, percent-encoded, with commas between'),
  ...perSignal('TIMEOUT', 'milliseconds that the server may take to answer a request; 10,000 if nothing else is said'),
  ...perSignal('COMPRESSION', 'gzip or none'),
  ...perSignal('CERTIFICATE', 'as `--otlp-certificate`; read again when it changes'),
  ...perSignal('CLIENT_CERTIFICATE', 'as `--otlp-client-certificate`; read again when it changes'),
  ...perSignal('CLIENT_KEY', 'as `--otlp-client-key`; read again when it changes'),
  ...perSignal('INSECURE', '`true`: no TLS for a gRPC endpoint without a scheme'),
  honoured('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'cumulative, delta or lowmemory'),
  honoured(
    'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
    'explicit_bucket_histogram or base2_exponential_bucket_histogram: as `--histogram explicit` or `exponential`',
  ),
  honoured('OTEL_METRIC_EXPORT_INTERVAL', 'as `--metric-interval`, in milliseconds'),
  ignored('OTEL_METRIC_EXPORT_TIMEOUT', ATTEMPT),
  honoured(
    'OTEL_METRICS_EXEMPLAR_FILTER',
    'trace_based (connections whose span is sent, with `--traces`), always_on or always_off',
  ),
  honoured(
    'OTEL_BLRP_SCHEDULE_DELAY',
    'milliseconds that a log record waits for its batch; 1,000 if nothing else is said',
  ),
  ignored('OTEL_BLRP_EXPORT_TIMEOUT', ATTEMPT),
  ignored('OTEL_BLRP_MAX_QUEUE_SIZE', BYTES),
  ignored('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', BYTES),
  honoured('OTEL_BSP_SCHEDULE_DELAY', 'milliseconds that a span waits for its batch; 1,000 if nothing else is said'),
  ignored('OTEL_BSP_EXPORT_TIMEOUT', ATTEMPT),
  ignored('OTEL_BSP_MAX_QUEUE_SIZE', BYTES),
  ignored('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', BYTES),
  honoured(
    'OTEL_TRACES_SAMPLER',
    'always_on, always_off or traceidratio, `parentbased_` or not: a connection has no parent',
  ),
  honoured('OTEL_TRACES_SAMPLER_ARG', 'share of the traces that traceidratio keeps, from 0 to 1'),
  honoured('OTEL_SPAN_EVENT_COUNT_LIMIT', 'events of one span; 128 if nothing else is said'),
  ignored('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', LIMITS),
  ignored('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', LIMITS),
  ignored('OTEL_SPAN_LINK_COUNT_LIMIT', 'spans have no links'),
  ignored('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', LIMITS),
  ignored('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT', 'spans have no links'),
  ignored('OTEL_ATTRIBUTE_COUNT_LIMIT', LIMITS),
  ignored('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', LIMITS),
  ignored('OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT', LIMITS),
  ignored('OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT', LIMITS),
  ignored('OTEL_PROPAGATORS', 'no context is passed on: the traffic is not touched'),
  ignored('OTEL_ENTITIES', 'the host and its processes are found, not told'),
  ignored('OTEL_CONFIG_FILE', "the specification's declarative file is not read"),
  ignored('OTEL_EXPORTER_ZIPKIN_ENDPOINT', OTHER),
  ignored('OTEL_EXPORTER_ZIPKIN_TIMEOUT', OTHER),
  ignored('OTEL_EXPORTER_PROMETHEUS_HOST', OTHER),
  ignored('OTEL_EXPORTER_PROMETHEUS_PORT', OTHER),
];

/** docs/otel-variables.md. */
export function formatOtelVariables(): string {
  const rows = otelVariables.map(
    ({ name, isHonoured, note }) => `| ${name} | ${isHonoured ? 'yes' : 'no'} | ${note} |`,
  );
  return `# OTEL_* variables

Made from src/cli/otel-variables.ts. A flag wins over SOCKFLOW_*, that over these; an empty variable counts as not set. A
value that is no good is refused at the start, with the variable's name. HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold, too; before them grpc_proxy and no_grpc_proxy for gRPC.

| variable | honoured | what it does here, or why it does nothing |
|---|---|---|
${rows.join('\n')}
`;
}
