/**
 * An independent reader of OTLP requests: protobufjs with the messages written down here from the field numbers of the
 * protocol. Strings are declared as bytes, which is the same on the wire, so that a byte that isn't UTF-8 is an error.
 */
import protobuf from 'protobufjs';

const proto = `
syntax = "proto3";
message AnyValue {
  oneof value {
    bytes string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValue { bytes key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message Scope { bytes name = 1; bytes version = 2; }

message LogsRequest { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; bytes schema_url = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; bytes schema_url = 3; }
message LogRecord {
  fixed64 time_unix_nano = 1; int32 severity_number = 2; bytes severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9;
  bytes span_id = 10; fixed64 observed_time_unix_nano = 11; bytes event_name = 12;
}

message MetricsRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; bytes schema_url = 3; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; bytes schema_url = 3; }
message Metric {
  bytes name = 1; bytes description = 2; bytes unit = 3;
  oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram exponential = 10; }
}
message Gauge { repeated NumberPoint data_points = 1; }
message Sum { repeated NumberPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramPoint data_points = 1; int32 aggregation_temporality = 2; }
message ExponentialHistogram { repeated ExponentialPoint data_points = 1; int32 aggregation_temporality = 2; }
message NumberPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7;
}
message HistogramPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
  repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; repeated KeyValue attributes = 9;
  repeated Exemplar exemplars = 8; optional double min = 11; optional double max = 12;
}
message ExponentialPoint {
  repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
  repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13;
}
message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
message Exemplar {
  fixed64 time_unix_nano = 2; double as_double = 3; bytes span_id = 4; bytes trace_id = 5; sfixed64 as_int = 6;
  repeated KeyValue filtered_attributes = 7;
}

message TraceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; bytes schema_url = 3; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; bytes schema_url = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; bytes name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  repeated SpanEvent events = 11; uint32 dropped_events_count = 12; Status status = 15; fixed32 flags = 16;
}
message SpanEvent { fixed64 time_unix_nano = 1; bytes name = 2; repeated KeyValue attributes = 3; }
message Status { bytes message = 2; int32 code = 3; }

message PartialSuccess { int64 rejected = 1; bytes error_message = 2; }
message ExportResponse { PartialSuccess partial_success = 1; }
`;

const root = protobuf.parse(proto, { keepCase: true }).root;

/** An attribute as it is on the wire: its kind and its value; an int64 as bigint. */
export type Decoded = { kind: 'string' | 'bool' | 'int' | 'double' | 'array'; value: unknown };

export interface DecodedRecord {
  time: bigint;
  observedTime: bigint;
  severityNumber: number;
  severityText: string;
  eventName: string;
  hasBody: boolean;
  attributes: Record<string, Decoded>;
}

export interface DecodedResource<Item> {
  attributes: Record<string, Decoded>;
  schemaUrl: string;
  scopes: { name: string; version: string; schemaUrl: string; items: Item[] }[];
}

export interface DecodedPoint {
  attributes: Record<string, Decoded>;
  startTime: bigint;
  time: bigint;
  /** Of sums and gauges. */
  value?: number;
  count?: number;
  sum?: number;
  min?: number;
  max?: number;
  buckets?: number[];
  bounds?: number[];
  /** Of exponential histograms; `buckets` are the positive ones. */
  scale?: number;
  offset?: number;
  zeroCount?: number;
  exemplars: DecodedExemplar[];
}

export interface DecodedExemplar {
  time: bigint;
  value: number;
  traceId: string;
  spanId: string;
  attributes: Record<string, Decoded>;
}

export interface DecodedMetric {
  name: string;
  unit: string;
  description: string;
  kind: 'gauge' | 'sum' | 'histogram' | 'exponential';
  temporality: number;
  monotonic: boolean;
  points: DecodedPoint[];
}

// biome-ignore lint/suspicious/noExplicitAny: what protobufjs makes of a schema that is text has no type.
type Message = any;

function parse(type: string, bytes: Uint8Array): Message {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, defaults: false, arrays: true });
}

const strict = new TextDecoder('utf-8', { fatal: true });
const text = (bytes: Uint8Array | undefined): string => (bytes ? strict.decode(bytes) : '');

function decodeValue(value: Message): Decoded {
  if (value.string_value !== undefined) return { kind: 'string', value: text(value.string_value) };
  if (value.bool_value !== undefined) return { kind: 'bool', value: value.bool_value };
  if (value.int_value !== undefined) return { kind: 'int', value: BigInt(value.int_value) };
  if (value.double_value !== undefined) return { kind: 'double', value: value.double_value };
  return { kind: 'array', value: value.array_value.values.map(decodeValue) };
}

function decodeAttributes(pairs: Message[]): Record<string, Decoded> {
  const attributes: Record<string, Decoded> = {};
  for (const { key, value } of pairs) {
    const name = text(key);
    if (name in attributes) throw new Error(`attribute ${name} is there twice`);
    attributes[name] = decodeValue(value);
  }
  return attributes;
}

function decodeResources<Item>(
  entries: Message[],
  scopesField: string,
  itemsField: string,
  decodeItem: (item: Message) => Item,
): DecodedResource<Item>[] {
  return entries.map((entry) => ({
    attributes: decodeAttributes(entry.resource.attributes),
    schemaUrl: text(entry.schema_url),
    scopes: entry[scopesField].map((scope: Message) => ({
      name: text(scope.scope.name),
      version: text(scope.scope.version),
      schemaUrl: text(scope.schema_url),
      items: scope[itemsField].map(decodeItem),
    })),
  }));
}

function decodeRecord(record: Message): DecodedRecord {
  return {
    time: BigInt(record.time_unix_nano ?? 0),
    observedTime: BigInt(record.observed_time_unix_nano ?? 0),
    severityNumber: record.severity_number ?? 0,
    severityText: text(record.severity_text),
    eventName: text(record.event_name),
    hasBody: record.body !== undefined,
    attributes: decodeAttributes(record.attributes),
  };
}

/** Bytes of an ExportLogsServiceRequest. */
export function decodeLogs(bytes: Uint8Array): DecodedResource<DecodedRecord>[] {
  return decodeResources(parse('LogsRequest', bytes).resource_logs, 'scope_logs', 'log_records', decodeRecord);
}

/** Number of log records in a request. */
export function countLogs(bytes: Uint8Array): number {
  return decodeLogs(bytes).reduce((sum, { scopes }) => sum + scopes.reduce((n, { items }) => n + items.length, 0), 0);
}

export interface DecodedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startTime: bigint;
  endTime: bigint;
  attributes: Record<string, Decoded>;
  events: { name: string; time: bigint; attributes: Record<string, Decoded> }[];
  droppedEvents: number;
  /** 0 unset, 2 error. */
  status: number;
  flags: number;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

function decodeSpan(span: Message): DecodedSpan {
  return {
    traceId: hex(span.trace_id),
    spanId: hex(span.span_id),
    parentSpanId: hex(span.parent_span_id),
    name: text(span.name),
    kind: span.kind ?? 0,
    startTime: BigInt(span.start_time_unix_nano ?? 0),
    endTime: BigInt(span.end_time_unix_nano ?? 0),
    attributes: decodeAttributes(span.attributes),
    events: span.events.map((event: Message) => ({
      name: text(event.name),
      time: BigInt(event.time_unix_nano ?? 0),
      attributes: decodeAttributes(event.attributes),
    })),
    droppedEvents: span.dropped_events_count ?? 0,
    status: span.status?.code ?? 0,
    flags: span.flags ?? 0,
  };
}

/** Bytes of an ExportTraceServiceRequest. */
export function decodeSpans(bytes: Uint8Array): DecodedResource<DecodedSpan>[] {
  return decodeResources(parse('TraceRequest', bytes).resource_spans, 'scope_spans', 'spans', decodeSpan);
}

function decodePoint(point: Message): DecodedPoint {
  const common = {
    attributes: decodeAttributes(point.attributes),
    startTime: BigInt(point.start_time_unix_nano ?? 0),
    time: BigInt(point.time_unix_nano ?? 0),
    exemplars: point.exemplars.map(decodeExemplar),
  };
  if (point.as_double !== undefined || point.as_int !== undefined)
    return { ...common, value: Number(point.as_double ?? point.as_int) };
  const { sum, min, max } = point;
  const range = { count: Number(point.count), ...(sum !== undefined && { sum, min, max }) };
  if (point.positive === undefined)
    return { ...common, ...range, bounds: point.explicit_bounds, buckets: point.bucket_counts.map(Number) };
  if (point.negative?.bucket_counts.length > 0) throw new Error('a negative value');
  const { offset = 0, bucket_counts } = point.positive;
  const { scale = 0, zero_count } = point;
  return { ...common, ...range, scale, offset, zeroCount: Number(zero_count), buckets: bucket_counts.map(Number) };
}

function decodeExemplar(exemplar: Message): DecodedExemplar {
  return {
    time: BigInt(exemplar.time_unix_nano),
    value: Number(exemplar.as_double ?? exemplar.as_int),
    traceId: hex(exemplar.trace_id),
    spanId: hex(exemplar.span_id),
    attributes: decodeAttributes(exemplar.filtered_attributes),
  };
}

function decodeMetric(metric: Message): DecodedMetric {
  const kind = (['gauge', 'sum', 'histogram', 'exponential'] as const).find((one) => metric[one]) ?? 'gauge';
  return {
    name: text(metric.name),
    unit: text(metric.unit),
    description: text(metric.description),
    kind,
    temporality: metric[kind].aggregation_temporality ?? 0,
    monotonic: metric[kind].is_monotonic ?? false,
    points: metric[kind].data_points.map(decodePoint),
  };
}

/** Bytes of an ExportMetricsServiceRequest. */
export function decodeMetrics(bytes: Uint8Array): DecodedResource<DecodedMetric>[] {
  return decodeResources(parse('MetricsRequest', bytes).resource_metrics, 'scope_metrics', 'metrics', decodeMetric);
}

/** Bytes of an Export…ServiceResponse; with a partial success when something was rejected or there is a message. */
export function encodeResponse(rejected = 0, message = ''): Uint8Array {
  const response = root.lookupType('ExportResponse');
  if (rejected === 0 && message === '') return response.encode({}).finish();
  return response.encode({ partial_success: { rejected, error_message: Buffer.from(message) } }).finish();
}
