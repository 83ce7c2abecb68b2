/**
 * node bench/metrics.ts
 *
 * What a collection of 10,000 series costs the JavaScript thread: all of it, and the longest stretch without a turn of the
 * event loop, which is what records have to wait. With the SDK's serializer beside it, in alternating rounds.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import { ConnectionMetrics } from '../src/export/otlp/metrics/connections.ts';
import { readExemplarFilter } from '../src/export/otlp/metrics/exemplars.ts';
import { createMetricProducer } from '../src/export/otlp/metrics/producer.ts';
import { encodeMetrics } from '../src/export/otlp/metrics/requests.ts';
import { makeProcess, makeRecord } from '../test/support/otlp-records.ts';

const SERIES = 10_000;
const ROUNDS = 30;

type Kind = 'explicit' | 'exponential';

/** Ends of connections to different ports until there are so many series, of all instruments together; again: more of the same. */
function fill(histogram: Kind, filter: string) {
  const exemplars = readExemplarFilter(true, { OTEL_METRICS_EXEMPLAR_FILTER: filter });
  const metrics = new ConnectionMetrics({ histogram, limit: SERIES, exemplars });
  const process = makeProcess(1);
  const count = () => Object.values(metrics.instruments).reduce((sum, { series }) => sum + series.length, 0);
  let ports = 0;
  while (count() < SERIES) addConnections(metrics, ++ports, process);
  const again = () => {
    for (let port = 1; port <= ports; port++) addConnections(metrics, port, process);
  };
  return { metrics, again, count: count() };
}

function addConnections(metrics: ConnectionMetrics, port: number, process: ReturnType<typeof makeProcess>): void {
  for (let number = 0; number < 8; number++) {
    const record = makeRecord(port * 8 + number, { peerPort: port, process, smoothedRtt: 0.0001 * 2 ** number });
    metrics.add({ ...record, time: record.startTime + BigInt(1_000_000 * 4 ** number) });
  }
}

/** Milliseconds of CPU of this thread, so that what else the machine does counts less. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** How long the thread was not free for anything else, at most and in all. */
class Stretches {
  longest = 0;
  total = 0;
  #since = 0;

  begin(): void {
    this.#since = cpu();
  }

  end(): void {
    const took = cpu() - this.#since;
    this.total += took;
    if (took > this.longest) this.longest = took;
  }
}

async function measure(name: string, histogram: Kind, filter: string): Promise<void> {
  const { metrics, again, count } = fill(histogram, filter);
  const producer = createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource: resourceFromAttributes({ 'service.name': 'sockflow' }),
    scope: { name: 'bench' },
    selectTemporality: () => AggregationTemporality.CUMULATIVE,
    onCollected: (now) => metrics.sweep(now),
  });
  const ours: Stretches[] = [];
  const sdk: number[] = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    again();
    const stretches = new Stretches();
    stretches.begin();
    const { resourceMetrics } = await producer.collect();
    stretches.end();
    bytes = 0;
    // The generator gives up the thread after each request, and works until then in next().
    const requests = encodeMetrics(resourceMetrics, () => undefined);
    for (;;) {
      await nextTurn();
      stretches.begin();
      const { done, value } = await requests.next();
      stretches.end();
      if (done) break;
      bytes += value.bytes.length;
    }
    ours.push(stretches);
    const begin = cpu();
    ProtobufMetricsSerializer.serializeRequest(resourceMetrics);
    sdk.push(cpu() - begin);
  }
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
  const longest = ours.map((each) => each.longest);
  console.log(
    `${name}, ${count} series, ${(bytes / 2 ** 20).toFixed(1)} MiB: ${ms(median(ours.map(({ total }) => total)))} CPU in all, ` +
      `longest stretch ${ms(median(longest))} (first ${ms(longest[0] as number)}, worst later ${ms(Math.max(...longest.slice(1)))}); ` +
      `the SDK's serializer alone, in one stretch: ${ms(median(sdk))}`,
  );
}

await measure('explicit', 'explicit', 'always_off');
await measure('exponential', 'exponential', 'always_off');
await measure('explicit with exemplars', 'explicit', 'always_on');
