/** Reads what the pcapng exporter writes, from the formats' definitions: draft-ietf-opsawg-pcapng, exported_pdu_tlvs.h. */

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

export interface Packet {
  /** UNIX nanoseconds. */
  readonly time: bigint;
  readonly tags: ReadonlyMap<number, Buffer>;
  readonly payload: string;
}

export interface Capture {
  readonly linkType: number;
  readonly sectionOptions: ReadonlyMap<number, Buffer>;
  readonly interfaceOptions: ReadonlyMap<number, Buffer>;
  readonly packets: readonly Packet[];
}

/** Throws where a reader would refuse the file. */
export function readPcapng(bytes: Uint8Array): Capture {
  const [section, description, ...packets] = readBlocks(Buffer.from(bytes));
  if (section?.type !== 0x0a0d0d0a || section.body.readUInt32LE(0) !== 0x1a2b3c4d) throw new Error('no section');
  if (section.body.readUInt16LE(4) !== 1) throw new Error('not version 1');
  if (description?.type !== 1) throw new Error('no interface');
  return {
    linkType: description.body.readUInt16LE(0),
    sectionOptions: readList(section.body.subarray(16), 'LE').items,
    interfaceOptions: readList(description.body.subarray(8), 'LE').items,
    packets: packets.map(readPacket),
  };
}

function readBlocks(bytes: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    if (length % 4 !== 0 || length < 12) throw new Error(`a block of ${length} bytes`);
    if (bytes.readUInt32LE(at + length - 4) !== length) throw new Error('the two lengths differ');
    blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + length - 4) });
    at += length;
  }
  return blocks;
}

function readPacket({ type, body }: Block): Packet {
  if (type !== 6 || body.readUInt32LE(0) !== 0) throw new Error('no packet of the interface');
  const time = (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8));
  const captured = body.readUInt32LE(12);
  if (captured !== body.readUInt32LE(16)) throw new Error('cut off');
  const packet = body.subarray(20, 20 + captured);
  const { items, end } = readList(packet, 'BE');
  return { time, tags: items, payload: packet.toString('utf8', end) };
}

/** Options of pcapng are padded behind their length; tags of Wireshark are not padded at all. */
function readList(bytes: Buffer, order: 'LE' | 'BE'): { items: Map<number, Buffer>; end: number } {
  const items = new Map<number, Buffer>();
  for (let at = 0; ; ) {
    const code = order === 'LE' ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
    const length = order === 'LE' ? bytes.readUInt16LE(at + 2) : bytes.readUInt16BE(at + 2);
    const end = at + 4 + length;
    if (end > bytes.length) throw new Error('a value beyond the end');
    if (code === 0) return { items, end };
    items.set(code, bytes.subarray(at + 4, end));
    at = order === 'LE' ? (end + 3) & ~3 : end;
  }
}
