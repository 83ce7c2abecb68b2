/** Builds wire records for tests, as the native core hands them over. */
import { sfConnection, sfEvent, sfInterface, sfKind, sfProcess, sfProcessFlag } from '../../src/capture/wire.gen.ts';

type Field = Exclude<keyof typeof sfConnection, 'size'>;
export type ConnectionFields = Partial<Record<Field, number | bigint | readonly number[]>>;

export interface ProcessFields {
  serial: number;
  pid: number;
  parentPid?: number;
  userId?: number;
  name?: string;
  /** Raw bytes of each part, last component first, each component ended by NUL. */
  parts?: readonly Uint8Array[];
  args?: readonly string[];
  /** There were more of them. */
  isCut?: boolean;
}

const widths: Readonly<Record<string, 1 | 2 | 4 | 8>> = {
  kind: 1,
  event: 1,
  family: 1,
  role: 1,
  attribution: 1,
  state: 1,
  shutdown: 1,
  flags: 1,
  length: 2,
  localPort: 2,
  peerPort: 2,
  error: 2,
  timeNs: 8,
  startNs: 8,
  cookie: 8,
  id: 8,
  sentBytes: 8,
  receivedBytes: 8,
  reportedSentBytes: 8,
  reportedReceivedBytes: 8,
};

export function connectionBytes(fields: ConnectionFields): Uint8Array {
  const view = new DataView(new ArrayBuffer(sfConnection.size));
  const all: ConnectionFields = {
    kind: sfKind.connection,
    event: sfEvent.end,
    length: sfConnection.size,
    family: 4,
    ...fields,
  };
  for (const [name, value] of Object.entries(all) as [Field, number | bigint | number[]][]) put(view, name, value);
  return new Uint8Array(view.buffer);
}

function put(view: DataView, name: Field, value: number | bigint | readonly number[]): void {
  const offset = sfConnection[name];
  if (Array.isArray(value)) {
    new Uint8Array(view.buffer).set(value, offset);
    return;
  }
  const width = widths[name] ?? 4;
  if (width === 8) view.setBigUint64(offset, BigInt(value as number), name !== 'id' && name !== 'mptcpId');
  else if (width === 4) view.setUint32(offset, Number(value), true);
  else if (width === 2) view.setUint16(offset, Number(value), true);
  else view.setUint8(offset, Number(value));
}

/** `/usr/bin/curl` as the kernel writes it. */
export function pathPart(path: string): Uint8Array {
  return Buffer.from(
    path
      .split('/')
      .filter(Boolean)
      .reverse()
      .map((name) => `${name}\0`)
      .join(''),
  );
}

export function processBytes({
  serial,
  pid,
  parentPid = 1,
  userId = 0,
  name = '',
  parts = [],
  args,
  isCut = false,
}: ProcessFields): Uint8Array {
  const data = Buffer.concat([...parts, Buffer.from((args ?? []).map((argument) => `${argument}\0`).join(''))]);
  const record = Buffer.alloc(sfProcess.data + data.length);
  record.writeUInt8(sfKind.process, sfProcess.kind);
  record.writeUInt8((args ? sfProcessFlag.arguments : 0) | (isCut ? sfProcessFlag.argumentsCut : 0), sfProcess.flags);
  record.writeUInt16LE(record.length, sfProcess.length);
  record.writeUInt32LE(serial, sfProcess.serial);
  record.writeUInt32LE(pid, sfProcess.pid);
  record.writeUInt32LE(parentPid, sfProcess.parentPid);
  record.writeUInt32LE(userId, sfProcess.userId);
  record.write(name, sfProcess.name, 15, 'utf8');
  let end = 0;
  for (let part = 0; part < 5; part++) {
    end += parts[part]?.length ?? 0;
    record.writeUInt16LE(end, sfProcess.partEnd + 2 * part);
  }
  data.copy(record, sfProcess.data);
  return record;
}

export function interfaceBytes(netns: number, index: number, name: string): Uint8Array {
  const record = Buffer.alloc(sfInterface.size);
  record.writeUInt8(sfKind.interface, sfInterface.kind);
  record.writeUInt16LE(record.length, sfInterface.length);
  record.writeUInt32LE(netns, sfInterface.netns);
  record.writeUInt32LE(index, sfInterface.index);
  record.write(name, sfInterface.name, 15, 'utf8');
  return record;
}

/** One batch of these records, each padded to 8 bytes. */
export function batch(...records: Uint8Array[]): ArrayBuffer {
  const padded = records.map((record) => Buffer.concat([record, Buffer.alloc(-record.length & 7)]));
  const whole = Buffer.concat(padded);
  return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length) as ArrayBuffer;
}
