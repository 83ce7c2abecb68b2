/** Batches from the reader thread to records. A batch is a run of records, each padded to 8 bytes. */
import { LRUCache } from 'lru-cache';
import type { Ledger } from '../ledger.ts';
import type { ConnectionRecord, Process } from '../model.ts';
import { decodeConnection, type Reasons, type Views } from './connection.ts';
import { type DnsPacket, decodeDns } from './dns.ts';
import { decodeFlow } from './flow.ts';
import { createInterfaces } from './interfaces.ts';
import { decodeProcess } from './process.ts';
import { createTranslations } from './translations.ts';
import { sfConnection, sfDetails, sfDns, sfFlow, sfInterface, sfKind, sfProcess, sfTranslation } from './wire.gen.ts';

/** Descriptions kept; one that was forgotten is read from /proc when its process still lives. */
const processLimit = 32_768;

export interface Decoder {
  /**
   * The first `length` bytes (default: all) to records in the order of their events, which keep nothing of the buffer.
   * What cannot be decoded is counted and ends its batch.
   */
  decode(buffer: ArrayBuffer, length?: number): ConnectionRecord[];
  /** The description with this number; undefined for 0, and when there is none. */
  findProcess(pid: number, serial: number): Process | undefined;
}

export interface DecoderOptions {
  readonly ledger: Ledger;
  /** Called once for each description, before any record that refers to it. */
  readonly onProcess: (process: Process) => void;
  /** A record refers to a description that we do not have: the second way to know. */
  readonly describe: (pid: number, serial: number) => Process | undefined;
  /** Called for what went to or came from port 53, before any record of the same batch. */
  readonly onDns?: (packet: DnsPacket) => void;
  readonly reasons?: Reasons;
}

const none: Reasons = { reset: [], drop: [] };

export function createDecoder({ ledger, onProcess, describe, onDns, reasons = none }: DecoderOptions): Decoder {
  const processes = new LRUCache<number, Process>({ max: processLimit });

  const interfaces = createInterfaces();
  const translations = createTranslations();

  const learn = (process: Process): void => {
    processes.set(process.serial, process);
    onProcess(process);
  };

  const owner = (pid: number, serial: number): Process | undefined => {
    if (serial === 0) return undefined;
    const known = processes.get(serial);
    if (known) return known;
    const found = describe(pid, serial);
    if (found) learn(found);
    return found;
  };

  const decodeRecord = (views: Views, offset: number): ConnectionRecord => {
    const u32 = (field: number): number => views.u32[(offset + field) >> 2] as number;
    const process = owner(u32(sfConnection.pid), u32(sfConnection.process));
    const interfaceName = interfaces.nameOf(u32(sfConnection.netns), u32(sfConnection.interface));
    const record = decodeConnection(views, offset, process, interfaceName, reasons);
    translations.apply(record);
    return record;
  };

  const decodeFlowRecord = (views: Views, offset: number): ConnectionRecord => {
    const u32 = (field: number): number => views.u32[(offset + field) >> 2] as number;
    const process = owner(u32(sfFlow.pid), u32(sfFlow.process));
    const record = decodeFlow(views, offset, process, interfaces.nameOf(u32(sfFlow.netns), u32(sfFlow.interface)));
    translations.apply(record);
    return record;
  };

  return {
    findProcess: owner,
    decode(buffer, end = buffer.byteLength) {
      const records: ConnectionRecord[] = [];
      const views = viewsOf(buffer);
      for (let offset = 0; offset < end; ) {
        const length = lengthAt(views, offset, end);
        if (length === undefined) {
          ledger.lose('capture', 'malformed');
          break;
        }
        const kind = views.u8[offset];
        if (kind === sfKind.connection) records.push(decodeRecord(views, offset));
        else if (kind === sfKind.flow) records.push(decodeFlowRecord(views, offset));
        else if (kind === sfKind.process) learn(decodeProcess(new DataView(buffer, offset, length)));
        else if (kind === sfKind.dns) onDns?.(decodeDns(new DataView(buffer, offset, length)));
        else if (kind === sfKind.translation) translations.learn(new DataView(buffer, offset, length));
        else interfaces.learn(new DataView(buffer, offset, length));
        offset += (length + 7) & ~7;
      }
      ledger.received += records.length;
      return records;
    },
  };
}

function viewsOf(batch: ArrayBuffer): Views {
  return {
    bytes: Buffer.from(batch),
    u8: new Uint8Array(batch),
    u16: new Uint16Array(batch, 0, batch.byteLength >> 1),
    u32: new Uint32Array(batch, 0, batch.byteLength >> 2),
    u64: new BigUint64Array(batch, 0, batch.byteLength >> 3),
  };
}

/** Undefined unless a whole record of a known kind lies here. */
function lengthAt(views: Views, offset: number, end: number): number | undefined {
  if (offset + 4 > end) return undefined;
  const length = views.u16[(offset + 2) >> 1] as number;
  if (offset + length > end) return undefined;
  const kind = views.u8[offset];
  if (kind === sfKind.connection)
    return length === sfConnection.size || length === sfConnection.size + sfDetails.size ? length : undefined;
  if (kind === sfKind.dns) return length > sfDns.size ? length : undefined;
  if (kind === sfKind.flow) return length === sfFlow.size ? length : undefined;
  if (kind === sfKind.translation) return length === sfTranslation.size ? length : undefined;
  if (kind === sfKind.interface) return length === sfInterface.size ? length : undefined;
  if (kind === sfKind.process) return length >= sfProcess.data && partsFit(views, offset, length) ? length : undefined;
  return undefined;
}

/** The ends of the parts must rise and stay within the record. */
function partsFit(views: Views, offset: number, length: number): boolean {
  let before = 0;
  for (let field = offset + sfProcess.partEnd; field < offset + sfProcess.unused; field += 2) {
    const end = views.u16[field >> 1] as number;
    if (end < before || end > length - sfProcess.data) return false;
    before = end;
  }
  return true;
}
