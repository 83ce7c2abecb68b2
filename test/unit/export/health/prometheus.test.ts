import { ValueType } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { formatPrometheus } from '../../../../src/export/health/prometheus.ts';
import { parsePrometheus } from '../../../support/prometheus-text.ts';

function format(metrics: readonly object[], resource = {}): string {
  const scopeMetrics = [{ scope: { name: 'test' }, metrics: metrics as MetricData[] }];
  return formatPrometheus({ resource: resourceFromAttributes(resource), scopeMetrics } as ResourceMetrics);
}

const metric = (name: string, unit: string, type: DataPointType, points: readonly (readonly [object, unknown])[]) => ({
  descriptor: { name, unit, description: 'What it is.', valueType: ValueType.DOUBLE },
  dataPointType: type,
  isMonotonic: type === DataPointType.SUM,
  dataPoints: points.map(([attributes, value]) => ({ attributes, value })),
});

test('names are those that Prometheus gives to what comes over OTLP', (t) => {
  const names = [
    metric('sockflow.agent.cpu.time', 's', DataPointType.SUM, [[{}, 1]]),
    metric('sockflow.agent.received', '{record}', DataPointType.SUM, [[{}, 1]]),
    metric('sockflow.agent.queue.size', 'By', DataPointType.GAUGE, [[{}, 1]]),
    metric('sockflow.agent.connection.live', '{connection}', DataPointType.GAUGE, [[{}, 1]]),
  ];
  t.deepEqual(
    [...parsePrometheus(format(names)).keys()],
    [
      'target_info',
      'sockflow_agent_cpu_time_seconds_total',
      'sockflow_agent_received_total',
      'sockflow_agent_queue_size_bytes',
      'sockflow_agent_connection_live',
    ],
  );
});

test('whatever a label holds comes through', (t) => {
  const odd = 'a "quoted" \\ back\nslash, größe {}=,';
  const text = format(
    [
      metric('x', '', DataPointType.GAUGE, [
        [{ 'a.b': odd, c: 7 }, 0.5],
        [{ 'a.b': '', c: 8 }, -1],
      ]),
    ],
    {
      'service.name': odd,
    },
  );
  const families = parsePrometheus(text);
  t.deepEqual(families.get('target_info')?.samples[0]?.labels, { service_name: odd });
  t.deepEqual(families.get('x')?.samples, [
    { name: 'x', labels: { a_b: odd, c: '7' }, value: 0.5 },
    { name: 'x', labels: { a_b: '', c: '8' }, value: -1 },
  ]);
});

test('buckets add up, up to +Inf', (t) => {
  const value = { count: 6, sum: 9.5, buckets: { boundaries: [0.001, 1], counts: [1, 2, 3] } };
  const families = parsePrometheus(format([metric('d', 's', DataPointType.HISTOGRAM, [[{ a: 'b' }, value]])]));
  t.deepEqual(
    families.get('d_seconds')?.samples.map(({ name, labels, value }) => [name, labels.le, value]),
    [
      ['d_seconds_bucket', '0.001', 1],
      ['d_seconds_bucket', '1', 3],
      ['d_seconds_bucket', '+Inf', 6],
      ['d_seconds_sum', undefined, 9.5],
      ['d_seconds_count', undefined, 6],
    ],
  );
});

test('a metric without points is left out, and the end has a line feed', (t) => {
  t.is(
    format([metric('x', '', DataPointType.GAUGE, [])]),
    '# HELP target_info Where these metrics are from\n# TYPE target_info gauge\ntarget_info 1\n',
  );
});

for (const [wrong, why] of [
  ['a 1\n', /not of the family/],
  ['# HELP a x\n# TYPE a gauge\na 1', /no end/],
  ['# HELP a x\n# TYPE a counter\na 1\n', /is a counter/],
  ['# HELP a x\n# TYPE a gauge\na{b="c} 1\n', /no labels/],
  ['# HELP a x\n# TYPE a gauge\na 1\na 2\n', /twice/],
  ['# HELP a x\n# TYPE a gauge\na 1,5\n', /no sample/],
  ['# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n', /buckets fall/],
] as const)
  test(`the reader of the tests refuses ${JSON.stringify(wrong)}`, (t) => {
    t.throws(() => parsePrometheus(wrong), { message: why });
  });
