/**
 * Events for Wireshark: a pcapng file with a packet for each event. No packet of the network is in it: such a packet is the
 * event's JSON line behind tags that say whose it is, of the link type that Wireshark itself writes when it exports what is
 * inside packets. So it is shown without a plugin, under the right addresses and ports; wireshark/sockflow.lua adds fields
 * to filter by. docs/wireshark.md; formats: the pcapng specification, and wsutil/exported_pdu_tlvs.h of Wireshark.
 */
import { release } from 'node:os';
import ipaddr from 'ipaddr.js';
import pc from 'picocolors';
import type { ConnectionRecord, Exporter, LookupRecord } from '../model.ts';
import { createJsonFormatter, createJsonLookupFormatter, type JsonOptions } from './json.ts';
import { durationOf, hasFailed } from './semconv.ts';
import type { Stdout } from './stdout.ts';
import { createLayout } from './text/layout.ts';
import { sanitise } from './text/sanitise.ts';
import { formatTail } from './text/tail.ts';

const linkType = 252; // LINKTYPE_WIRESHARK_UPPER_PDU

const block = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const;
const option = { end: 0, system: 3, application: 4, name: 2, description: 3, resolution: 9 } as const;
/** 10^-9 seconds. */
const NANOSECONDS = 9;

const tag = {
  end: 0,
  dissector: 12,
  ipv4Source: 20,
  ipv4Destination: 21,
  ipv6Source: 22,
  ipv6Destination: 23,
  portType: 24,
  sourcePort: 25,
  destinationPort: 26,
  protocolColumn: 33,
  infoColumn: 36,
} as const;
const portTypes = { tcp: 2, udp: 3 } as const;

/** Writes the selected records to stdout as packets. */
export function createPcapngExporter(
  stdout: Stdout,
  isSelected: (record: ConnectionRecord) => boolean,
  withLookups: boolean,
  options: JsonOptions,
): Exporter {
  const format = createPcapngFormatter(options);
  stdout.begin(formatHead(options.host.agentVersion));
  return {
    name: 'stdout',
    export: (records) => stdout.write(records.filter(isSelected).map(format)),
    exportLookups: (lookups) => {
      if (withLookups) stdout.write(lookups.filter(hasFailed).map(format));
    },
    isBusy: stdout.isBusy,
    shutdown: (deadline) => stdout.shutdown(deadline),
  };
}

/** The blocks that a file begins with: a section, and the one interface of all packets. */
export function formatHead(version: string): Uint8Array {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(0x1a2b3c4d, 0); // byte order
  section.writeUInt16LE(1, 4); // version 1.0
  section.writeBigInt64LE(-1n, 8); // length: not known
  const interfaceFields = Buffer.alloc(8);
  interfaceFields.writeUInt16LE(linkType, 0);
  return Buffer.concat([
    formatBlock(block.section, [
      section,
      formatOption(option.system, Buffer.from(`Linux ${release()}`)),
      formatOption(option.application, Buffer.from(`sockflow ${version}`)),
      formatOption(option.end, Buffer.alloc(0)),
    ]),
    formatBlock(block.interface, [
      interfaceFields,
      formatOption(option.name, Buffer.from('sockflow')),
      formatOption(option.description, Buffer.from('Events of connections, not packets')),
      formatOption(option.resolution, Buffer.of(NANOSECONDS)),
      formatOption(option.end, Buffer.alloc(0)),
    ]),
  ]);
}

/** A record to its packet block. */
export function createPcapngFormatter(options: JsonOptions): (record: ConnectionRecord | LookupRecord) => Uint8Array {
  const formatConnection = createJsonFormatter(options);
  const formatLookup = createJsonLookupFormatter(options);
  return (record) => {
    const json = record.event === 'dns' ? formatLookup(record) : formatConnection(record);
    const packet = Buffer.concat([...formatTags(record), Buffer.from(json.trimEnd())]);
    const head = Buffer.alloc(20);
    head.writeUInt32LE(Number(record.time >> 32n), 4);
    head.writeUInt32LE(Number(record.time & 0xffff_ffffn), 8);
    head.writeUInt32LE(packet.length, 12);
    head.writeUInt32LE(packet.length, 16);
    return formatBlock(block.packet, [head, packet]);
  };
}

/** Its length stands at both ends. */
function formatBlock(type: number, parts: readonly Uint8Array[]): Buffer {
  const body = pad(Buffer.concat(parts));
  const whole = Buffer.alloc(body.length + 12);
  whole.writeUInt32LE(type, 0);
  whole.writeUInt32LE(whole.length, 4);
  body.copy(whole, 8);
  whole.writeUInt32LE(whole.length, whole.length - 4);
  return whole;
}

/** Little-endian, as all of the file. */
function formatOption(code: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return pad(Buffer.concat([head, value]));
}

/** Big-endian. The length counts the padding: readers look for the next tag right behind it. */
function formatTag(code: number, value: Uint8Array): Buffer {
  const padded = pad(Buffer.from(value));
  const head = Buffer.alloc(4);
  head.writeUInt16BE(code, 0);
  head.writeUInt16BE(padded.length, 2);
  return Buffer.concat([head, padded]);
}

function pad(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function formatTags(record: ConnectionRecord | LookupRecord): Buffer[] {
  const [source, destination] = endpointsOf(record);
  const isV4 = record.networkType === 'ipv4';
  return [
    formatTag(tag.dissector, Buffer.from('json')),
    ...addressTag(isV4 ? tag.ipv4Source : tag.ipv6Source, source),
    ...addressTag(isV4 ? tag.ipv4Destination : tag.ipv6Destination, destination),
    numberTag(tag.portType, portTypes[record.transport]),
    numberTag(tag.sourcePort, source.port),
    numberTag(tag.destinationPort, destination.port),
    formatTag(tag.protocolColumn, Buffer.from('sockflow')),
    formatTag(tag.infoColumn, Buffer.from(infoOf(record))),
    formatTag(tag.end, Buffer.alloc(0)),
  ];
}

interface Endpoint {
  /** Empty: not known. */
  readonly address: string;
  readonly port: number;
}

const unknown: Endpoint = { address: '', port: 0 };

/** Who began is the source, so both ends of a connection stand under the same addresses. */
function endpointsOf(record: ConnectionRecord | LookupRecord): readonly [Endpoint, Endpoint] {
  const peer = { address: record.peerAddress, port: record.peerPort };
  if (record.event === 'dns') return [unknown, peer];
  const local = { address: record.localAddress, port: record.localPort };
  return record.role === 'server' ? [peer, local] : [local, peer];
}

function addressTag(code: number, { address }: Endpoint): Buffer[] {
  return address === '' ? [] : [formatTag(code, Uint8Array.from(ipaddr.parse(address).toByteArray()))];
}

function numberTag(code: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return formatTag(code, bytes);
}

const layout = createLayout(undefined, true);
const colors = pc.createColors(false);

/** What the packet list shows: event, owner, and what matters of it. */
function infoOf(record: ConnectionRecord | LookupRecord): string {
  const { event, process } = record;
  const who = process ? `${visible(process.executableName)}[${process.pid}]` : '-';
  const what =
    event === 'dns'
      ? `${visible(record.questionName)} ${record.questionType} ${record.errorType ?? ''}`
      : formatTail(record, durationOf(record), layout, colors);
  return `${event} ${who} ${what}`.trimEnd().slice(0, 1_000).toWellFormed();
}

/** A NUL would end the text there. */
const visible = (name: string) => sanitise(name.replaceAll('\0', '\ufffd'));
