/**
 * One collection as requests: each small enough for a server's limit, and encoded in a turn of the event loop of its own,
 * so that ten thousand series do not hold up the records.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MetricData, ResourceMetrics, ScopeMetrics } from '@opentelemetry/sdk-metrics';
import type { EncodedBatch } from '../log-writer.ts';
import { encodeRequest } from './writer.ts';

/** Points of one request: a few milliseconds' work, some hundred kilobytes. */
const POINTS = 500;

/** `count` of a batch is its points. `onFailure` gets the number of points that could not be encoded. */
export async function* encodeMetrics(
  { resource, scopeMetrics }: ResourceMetrics,
  onFailure: (points: number) => void,
): AsyncGenerator<EncodedBatch> {
  for (const scopes of divide(scopeMetrics)) {
    const bytes = tryEncode({ resource, scopeMetrics: scopes });
    const count = countPoints(scopes);
    if (bytes) yield { bytes, count };
    else onFailure(count);
    await nextTurn();
  }
}

function tryEncode(metrics: ResourceMetrics): Uint8Array<ArrayBuffer> | undefined {
  try {
    return encodeRequest(metrics);
  } catch {
    return undefined;
  }
}

function countPoints(scopes: readonly ScopeMetrics[]): number {
  return scopes.reduce((sum, { metrics }) => sum + metrics.reduce((n, { dataPoints }) => n + dataPoints.length, 0), 0);
}

/** In order; a metric of many points is divided, too. */
function* divide(scopeMetrics: readonly ScopeMetrics[]): Generator<ScopeMetrics[]> {
  let part: ScopeMetrics[] = [];
  let room = POINTS;
  for (const { scope, metrics } of scopeMetrics) {
    for (const metric of metrics) {
      for (let from = 0; from < metric.dataPoints.length; ) {
        const to = Math.min(metric.dataPoints.length, from + room);
        append(part, scope, { ...metric, dataPoints: metric.dataPoints.slice(from, to) } as MetricData);
        room -= to - from;
        from = to;
        if (room > 0) continue;
        yield part;
        part = [];
        room = POINTS;
      }
    }
  }
  if (part.length > 0) yield part;
}

function append(part: ScopeMetrics[], scope: ScopeMetrics['scope'], metric: MetricData): void {
  const last = part.at(-1);
  if (last?.scope === scope) last.metrics.push(metric);
  else part.push({ scope, metrics: [metric] });
}
