import test from 'ava';
import { createEvents } from '../../../../src/export/zmq/event.ts';
import { host } from '../../../support/otlp-records.ts';

const totals = { bytes: 1_000, packets: 10, flows: 4, dropped: 2, tooLarge: 1 };

function event(interval = 10_000) {
  return JSON.parse(createEvents({ host, sourceId: 4_000_000_000, interval })(totals, 1_795_557_669_999).toString());
}

test('every key that ntopng reads is there, as the type that it reads', (t) => {
  const said = event();
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shape(part)]))
      : typeof value;
  const [n, s] = ['number', 'string'];
  t.deepEqual(shape(said), {
    time: n,
    bytes: n,
    packets: n,
    packet_drops: n,
    mode: s,
    iface: { name: s, speed: n, ip: s },
    probe: {
      public_ip: s,
      ip: s,
      uuid: s,
      unique_source_id: n,
      version: s,
      osname: s,
      license: s,
      edition: s,
      maintenance: s,
    },
    avg: { bps: n, pps: n },
    timeout: { lifetime: n, collected_lifetime: n, idle: n },
    drops: {
      export_queue_full: n,
      too_many_flows: n,
      elk_flow_drops: n,
      sflow_pkt_sample_drops: n,
      flow_collection_drops: n,
      flow_collection_udp_socket_drops: n,
    },
    zmq: { num_flow_exports: n, num_exporters: n },
  });
  t.like(said, { time: 1_795_557_669, bytes: 1_000, packets: 10, mode: 'packet_collection' });
  t.like(said.probe, { uuid: host.id, unique_source_id: 4_000_000_000, version: 'sockflow 1.2.3' });
  t.like(said.drops, { export_queue_full: 2, too_many_flows: 1 });
  t.is(said.zmq.num_flow_exports, 4);
});

test('a flow lives in ntopng for longer than it takes to be told again', (t) => {
  t.deepEqual(event().timeout, { lifetime: 120, collected_lifetime: 120, idle: 60 });
  t.is(event(300_000).timeout.lifetime, 900);
});

test('rates are those since the event before', (t) => {
  const create = createEvents({ host, sourceId: 1, interval: 1_000 });
  const rates = (bytes: number, packets: number, now: number) =>
    JSON.parse(create({ ...totals, bytes, packets }, now).toString()).avg;
  t.deepEqual(rates(500, 5, 10_000), { bps: 0, pps: 0 });
  t.deepEqual(rates(1_500, 25, 20_000), { bps: 800, pps: 2 });
});

test('a long id is cut to what ntopng has room for', (t) => {
  const create = createEvents({ host: { ...host, id: 'x'.repeat(50) }, sourceId: 1, interval: 1 });
  t.is(JSON.parse(create(totals, 0).toString()).probe.uuid.length, 35);
});
