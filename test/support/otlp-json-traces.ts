/** The spans of what otlp-json.ts reads. */
import {
  type Attributes,
  decodeAttributes,
  type Integer,
  type KeyValue,
  list,
  type RawResource,
  readMessages,
} from './otlp-json.ts';

export interface Span {
  readonly resource: Attributes;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it has no parent. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** UNIX nanoseconds. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly events: readonly string[];
}

interface TracesMessage {
  resourceSpans?: { resource?: RawResource; scopeSpans?: { spans?: RawSpan[] }[] }[];
}

interface RawSpan {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  name?: string;
  kind?: number;
  startTimeUnixNano?: Integer;
  endTimeUnixNano?: Integer;
  attributes?: KeyValue[];
  events?: { name?: string }[];
}

export function readSpans(file: string): Span[] {
  const groups = readMessages<TracesMessage>(file).flatMap(({ resourceSpans }) => list(resourceSpans));
  return groups.flatMap(({ resource, scopeSpans }) => {
    const attributes = decodeAttributes(resource?.attributes);
    return list(scopeSpans).flatMap(({ spans }) => list(spans).map((span) => decodeSpan(attributes, span)));
  });
}

function decodeSpan(resource: Attributes, span: RawSpan): Span {
  return {
    resource,
    traceId: span.traceId ?? '',
    spanId: span.spanId ?? '',
    parentSpanId: span.parentSpanId ?? '',
    name: span.name ?? '',
    kind: span.kind ?? 0,
    start: BigInt(span.startTimeUnixNano ?? 0),
    end: BigInt(span.endTimeUnixNano ?? 0),
    attributes: decodeAttributes(span.attributes),
    events: list(span.events).map(({ name = '' }) => name),
  };
}
