/** What ntopng wants to know of who sends: it takes a sender that is silent for ten seconds for gone. */
import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Host } from '../semconv.ts';

/** Since the start. */
export interface Totals {
  bytes: number;
  packets: number;
  flows: number;
  /** Flows that found no room to wait. */
  dropped: number;
  /** Flows that are larger than a message may be. */
  tooLarge: number;
}

export interface EventOptions {
  readonly host: Host;
  /** 32 bits, of this agent. */
  readonly sourceId: number;
  /** Milliseconds between two updates of a flow. */
  readonly interval: number;
}

/** Seconds. ntopng ends a flow that it hears nothing of for so long, and ten more. */
const LEAST_LIFETIME = 120;
const IDLE = 60;
/** ntopng has room for 35 characters. */
const LONGEST_ID = 35;

/** Returns what makes the message. Each key is there each time: ntopng shows what was in its memory for one that isn't. */
export function createEvents({
  host,
  sourceId,
  interval,
}: EventOptions): (totals: Readonly<Totals>, now: number) => Buffer {
  const lifetime = Math.max(LEAST_LIFETIME, Math.ceil((interval / 1000) * 3));
  let before = { bytes: 0, packets: 0, at: 0 };
  return ({ bytes, packets, flows, dropped, tooLarge }, now) => {
    const seconds = before.at === 0 ? 0 : (now - before.at) / 1000;
    const rate = (count: number) => (seconds > 0 ? Math.round(count / seconds) : 0);
    const avg = { bps: rate((bytes - before.bytes) * 8), pps: rate(packets - before.packets) };
    before = { bytes, packets, at: now };
    const ip = ownAddress();
    const event = {
      time: Math.floor(now / 1000),
      bytes,
      packets,
      packet_drops: 0,
      mode: 'packet_collection',
      iface: { name: host.name, speed: linkSpeed(), ip },
      probe: {
        public_ip: '',
        ip,
        uuid: (host.id ?? host.name).slice(0, LONGEST_ID),
        unique_source_id: sourceId,
        version: `sockflow ${host.agentVersion}`,
        osname: 'Linux',
        license: '',
        edition: '',
        maintenance: '',
      },
      avg,
      timeout: { lifetime, collected_lifetime: lifetime, idle: IDLE },
      drops: {
        export_queue_full: dropped,
        too_many_flows: tooLarge,
        elk_flow_drops: 0,
        sflow_pkt_sample_drops: 0,
        flow_collection_drops: 0,
        flow_collection_udp_socket_drops: 0,
      },
      zmq: { num_flow_exports: flows, num_exporters: 1 },
    };
    return Buffer.from(JSON.stringify(event));
  };
}

/** The first that others can reach; empty when there is none. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '';
}

const DEVICES = '/sys/class/net';

/** Of the fastest interface that says, Mbit/s; 0 where none does. */
function linkSpeed(): number {
  try {
    return Math.max(0, ...readdirSync(DEVICES).map(speedOf));
  } catch {
    return 0;
  }
}

function speedOf(device: string): number {
  try {
    return Number(readFileSync(`${DEVICES}/${device}/speed`, 'utf8')) || 0;
  } catch {
    return 0; // it has none, or is down
  }
}
