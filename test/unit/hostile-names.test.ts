/** Whatever somebody calls a program, a container or a host, in every output: a name is a name, and nothing else. */

import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { formatPrometheus } from '../../src/export/health/prometheus.ts';
import { createJsonFormatter, createJsonLookupFormatter } from '../../src/export/json.ts';
import { toJson } from '../../src/export/otlp/json-body.ts';
import { LogWriter } from '../../src/export/otlp/log-writer.ts';
import { ConnectionMetrics } from '../../src/export/otlp/metrics/connections.ts';
import { createMetricProducer } from '../../src/export/otlp/metrics/producer.ts';
import { encodeRequest } from '../../src/export/otlp/metrics/writer.ts';
import { createOtlpTracesExporter } from '../../src/export/otlp/traces.ts';
import { createPcapngFormatter, formatHead } from '../../src/export/pcapng.ts';
import {
  createLookupAttributes,
  createMetricAttributes,
  createRecordAttributes,
  metricAttributeNames,
} from '../../src/export/semconv.ts';
import { createTextFormatter } from '../../src/export/text.ts';
import { toFlow } from '../../src/export/zmq/flow.ts';
import { createJsonEncoding } from '../../src/export/zmq/json.ts';
import { createLegacyEncoding } from '../../src/export/zmq/legacy.ts';
import { createTlvEncoding } from '../../src/export/zmq/tlv.ts';
import { Ledger } from '../../src/ledger.ts';
import { createLog } from '../../src/log.ts';
import { itemsOf } from '../../src/top/items.ts';
import { formatOnce, formatScreen } from '../../src/top/view.ts';
import { hostileLookup, hostileNames, hostileRecords, misleading, shownLabels } from '../support/hostile.ts';
import { decodeLogs, decodeMetrics, decodeSpans } from '../support/otlp-decode.ts';
import { host, ownNetworkNamespace } from '../support/otlp-records.ts';
import { startOtlpServer } from '../support/otlp-server.ts';
import { readPcapng } from '../support/pcapng.ts';
import { parsePrometheus } from '../support/prometheus-text.ts';
import { decodeTlv } from '../support/tlv-decode.ts';
import { makeRow, makeSnapshot, makeState, makeStyle } from '../support/top-snapshot.ts';

const options = { host, ownNetworkNamespace, attributes: {}, ...shownLabels };

const all = Object.entries(hostileNames).map(([what, name], index) => ({
  what,
  name,
  records: hostileRecords(name, index),
}));
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What may come back of a name: itself, but for what is no Unicode. */
const legal = (name: string) => name.toWellFormed();

/** Every text in what was read. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.values(value).flatMap(textsIn);
}

const isThere = (texts: readonly string[], name: string) => texts.some((text) => text.includes(legal(name)));

/** Lines that a terminal would be led by; one without UTF-8 by all but ASCII. */
function unclean(lines: readonly string[], isUtf8: boolean): string[] {
  return lines.filter((line) => misleading.test(line) || (!isUtf8 && /[^\x20-\x7e]/.test(line)));
}

for (const { what, name, records } of all) {
  test(`${what}: lines for people stay lines`, (t) => {
    for (const columns of [40, 80, 160, undefined])
      for (const lang of ['C', 'C.UTF-8'])
        for (const verbose of [false, true]) {
          const env = { LANG: lang, NO_COLOR: '1' };
          const format = createTextFormatter({
            ...shownLabels,
            ownNetworkNamespace,
            env,
            verbose,
            columns: () => columns,
          });
          const texts = format([...records, hostileLookup(name)]);
          t.is(texts.length, records.length + 1);
          const lines = texts.join('').split('\n');
          t.is(lines.pop(), '');
          t.deepEqual(unclean(lines, lang !== 'C'), []);
          const heads = lines.filter((line) => !line.startsWith('    ') && !line.startsWith('#'));
          t.is(heads.length, texts.length, 'no line but those of records');
        }
  });

  test(`${what}: the live table has as many lines as the terminal, and nothing that moves it`, (t) => {
    const rows = records.map((record) => makeRow({ process: record.process as never, changes: record }));
    for (const grouping of ['process', 'pod', 'peer', 'user', 'none'] as const)
      for (const isUtf8 of [true, false]) {
        const state = makeState({ grouping, filterText: name, input: { text: name, error: name } });
        const items = itemsOf(rows, state);
        const style = { ...makeStyle({ isUtf8 }), hostName: name };
        const snapshot = makeSnapshot(rows);
        const screen = formatScreen(snapshot, items, state, { columns: 120, rows: 24 }, style, name);
        t.is(screen.length, 24);
        t.deepEqual(unclean([...screen, ...formatOnce(snapshot, items, state, undefined, style)], isUtf8), []);
      }
  });

  test(`${what}: a JSON line is one line, and the name comes back`, (t) => {
    const lines = [
      ...records.map(createJsonFormatter(options)),
      createJsonLookupFormatter(options)(hostileLookup(name)),
    ];
    for (const line of lines) {
      t.is(line.indexOf('\n'), line.length - 1);
      t.notRegex(line.trimEnd(), misleading, 'what a terminal would take for its own is escaped');
      const texts = textsIn(JSON.parse(line));
      for (const text of texts) t.true(text.isWellFormed());
      t.true(isThere(texts, name));
    }
    const { resource } = JSON.parse(lines[0] as string);
    t.is(resource['process.executable.name'], legal(name));
    t.deepEqual(resource['container.image.tags'], [legal(name), 'latest']);
    t.is(resource['container.label.tier'], legal(name));
  });

  test(`${what}: OTLP log records are valid UTF-8, in protobuf and in JSON`, (t) => {
    for (const identity of ['resource', 'record'] as const) {
      const attributes = createRecordAttributes({ ownNetworkNamespace });
      const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
      const extra = { 'deployment.environment': name };
      const writer = new LogWriter({ attributes, lookupAttributes, host, identity, extra, ...shownLabels });
      for (const record of records) writer.add(record, 1n);
      writer.addLookup(hostileLookup(name), 1n);
      const { bytes } = writer.take();
      // decodeLogs throws for one byte that is none of UTF-8.
      const decoded = decodeLogs(bytes);
      const items = decoded.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.items));
      t.is(items.length, records.length + 1);
      const found = [...decoded.map((resource) => resource.attributes), ...items.map((item) => item.attributes)];
      const executables = found.flatMap((attributes) => attributes['process.executable.name']?.value ?? []);
      t.true(executables.length > 0 && executables.every((value) => value === legal(name)));
      const json = toJson('LOGS', bytes);
      t.true(textsIn(JSON.parse(utf8.decode(Buffer.from(json)))).includes(legal(name)));
    }
  });

  test(`${what}: spans are valid UTF-8, too`, async (t) => {
    const server = await startOtlpServer({ service: 'traces' });
    t.teardown(() => server.stop());
    const ledger = new Ledger();
    const attributes = createRecordAttributes({ ownNetworkNamespace });
    const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
    const to = { endpoint: server.endpoint, attributes, lookupAttributes, host, ...shownLabels };
    const exporter = createOtlpTracesExporter(to, ledger, (message) => t.fail(message));
    exporter.export(records);
    await exporter.shutdown(performance.now() + 60_000);
    const resources = server.accepted.flatMap(decodeSpans);
    t.deepEqual(ledger.lost, []);
    t.true(isThere(textsIn(resources), name));
  });

  test(`${what}: metrics by every attribute that there is, and the page for Prometheus`, async (t) => {
    const names = [...metricAttributeNames, 'container.label.tier', 'k8s.pod.label.team', 'k8s.pod.annotation.note'];
    const metricAttributes = createMetricAttributes(names, { ownNetworkNamespace, ...shownLabels });
    const metrics = new ConnectionMetrics({ metricAttributes, lookupsByName: true });
    for (const record of records) metrics.add(record);
    metrics.addLookup(hostileLookup(name));
    const producer = createMetricProducer({
      instruments: Object.values(metrics.instruments),
      resource: resourceFromAttributes({ 'host.name': name, 'service.name': name }),
      scope: { name: 'sockflow' },
      selectTemporality: () => AggregationTemporality.CUMULATIVE,
    });
    const { resourceMetrics } = await producer.collect();
    const decoded = decodeMetrics(Buffer.from(encodeRequest(resourceMetrics)));
    t.true(isThere(textsIn(decoded), name));
    const [scope] = resourceMetrics.scopeMetrics;
    const metric = scope?.metrics.filter((each) => each.descriptor.name === 'sockflow.connection.closed') ?? [];
    const scopeMetrics = scope ? [{ ...scope, metrics: metric }] : [];
    const page = parsePrometheus(formatPrometheus({ ...resourceMetrics, scopeMetrics }));
    t.is(page.get('target_info')?.samples[0]?.labels.host_name, legal(name));
    const closed = page.get('sockflow_connection_closed_total')?.samples ?? [];
    t.true(closed.length > 0 && closed.every(({ labels }) => labels.process_executable_name === legal(name)));
  });

  test(`${what}: flows for ntopng are whole`, (t) => {
    for (const record of records.filter(({ event }) => event === 'close')) {
      const flow = toFlow(record, 0);
      for (const label of ['id', 'name'] as const) {
        const tlv = createTlvEncoding(label);
        const target = Buffer.alloc(256 * 1024);
        tlv.head.copy(target);
        const end = tlv.write(flow, target, tlv.head.length);
        t.true(isThere(textsIn(decodeTlv(target.subarray(0, end))), name));
        for (const { write, head } of [createJsonEncoding(label), createLegacyEncoding(label)]) {
          const text = utf8.decode(target.subarray(head.length, write(flow, target, head.length)));
          t.false(text.includes('\n'));
          t.true(isThere(textsIn(JSON.parse(text)), name));
        }
      }
    }
  });

  test(`${what}: in Wireshark the line of a packet is a line`, (t) => {
    const format = createPcapngFormatter(options);
    const blocks = [...records, hostileLookup(name)].map(format);
    const { packets } = readPcapng(Buffer.concat([formatHead('1.2.3'), ...blocks]));
    t.is(packets.length, records.length + 1);
    for (const { tags, payload } of packets) {
      const info = utf8.decode(tags.get(36)).replace(/\0+$/, '');
      t.notRegex(info, misleading);
      t.true(info.length > 10);
      t.true(isThere(textsIn(JSON.parse(payload)), name));
    }
  });

  test(`${what}: what the agent says of it is clean`, (t) => {
    const said: string[] = [];
    createLog('info', (line) => said.push(line)).warn(`container ${name}: not found`);
    for (const line of said.join('').trimEnd().split('\n')) {
      t.true(line.startsWith('sockflow: '));
      t.notRegex(line, misleading);
    }
  });
}
