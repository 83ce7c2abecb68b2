import test from 'ava';
import { parse, refuses } from '../../support/command-line.ts';

test('attributes of metrics are the default, exactly those, or changes of the default', (t) => {
  const byDefault = parse('').metricAttributes;
  t.true(byDefault.includes('server.port') && !byDefault.includes('container.name'));
  t.deepEqual(parse('--metric-attributes service.name,container.name').metricAttributes, [
    'service.name',
    'container.name',
  ]);
  t.deepEqual(
    parse('--metric-attributes=-server.port,+container.name').metricAttributes,
    [...byDefault, 'container.name'].filter((name) => name !== 'server.port'),
  );
  const labels = parse('--metric-attributes +container.label.tier,+k8s.pod.annotation.a/b', {
    SOCKFLOW_CONTAINER_LABELS: 'tier',
    SOCKFLOW_POD_ANNOTATIONS: 'a/b',
  });
  t.is(labels.metricAttributes.length, byDefault.length + 2);
});

for (const list of ['network.transport,+server.port', 'sockflow.connection.id', '+', 'container.image.tags', 'x'])
  test(refuses, `--metric-attributes ${list}`, /^--metric-attributes expects names such as .*, not "/);
test(
  refuses,
  '--metric-attributes +k8s.pod.label.tier',
  '--metric-attributes expects --pod-labels tier for k8s.pod.label.tier',
);

test('the kind of histograms is that of the option, else of the variable', (t) => {
  const variable = 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION';
  const env = { [variable]: 'base2_exponential_bucket_histogram' };
  t.is(parse('').histogram, 'explicit');
  t.is(parse('', env).histogram, 'exponential');
  t.is(parse('--histogram explicit', env).histogram, 'explicit');
  t.throws(() => parse('', { [variable]: 'exponential' }), {
    message: `${variable} expects one of explicit_bucket_histogram, base2_exponential_bucket_histogram, not "exponential"`,
  });
});

test('where health is asked for: a port of this host alone, or exactly what is given', (t) => {
  const health = (line: string) => parse(line).health;
  t.is(health(''), undefined);
  t.deepEqual(health('--health 9464'), { host: '127.0.0.1', port: 9464 });
  t.deepEqual(health('--health 0.0.0.0:80'), { host: '0.0.0.0', port: 80 });
  t.deepEqual(health('--health [::1]:9464'), { host: '::1', port: 9464 });
  t.deepEqual(parse('', { SOCKFLOW_HEALTH: 'localhost:9464' }).health, { host: 'localhost', port: 9464 });
});

for (const wrong of [':1', '0', '65536', '127.0.0.1', '::1:9464', 'http://127.0.0.1:80', '*:80'])
  test(refuses, `--health=${wrong}`, /^--health expects a port of 127\.0\.0\.1 such as 9464, .*, not "/);
