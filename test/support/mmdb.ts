/** Writes small files in the MaxMind DB format 2.0, from its public description: a binary tree, data, metadata. */
import ipaddr from 'ipaddr.js';

type Value = string | number | bigint | readonly Value[] | { readonly [key: string]: Value };

/** What a file says, by network; networks don't overlap. */
export type Networks = Readonly<Record<string, Value>>;

/** The bytes of a file with these networks. IPv4 is at ::/96, as the format has it. */
export function mmdb(networks: Networks, databaseType = 'GeoLite2-City'): Buffer {
  const tree: Node = [undefined, undefined];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [cidr, value] of Object.entries(networks)) {
    const bytes = encode(value);
    insert(tree, bitsOf(cidr), offset);
    data.push(bytes);
    offset += bytes.length;
  }
  const nodes = numbered(tree);
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_795_560_264n,
    database_type: databaseType,
    description: { en: 'made for a test' },
    ip_version: 6,
    languages: ['en'],
    node_count: nodes.length,
    record_size: 24,
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([encodeTree(nodes), Buffer.alloc(16), ...data, marker, metadata]);
}

/** Each side leads to a node, to data at an offset, or nowhere. */
type Node = [Node | number | undefined, Node | number | undefined];

function bitsOf(cidr: string): string {
  const [address, length] = ipaddr.parseCIDR(cidr);
  const bits = [...address.toByteArray()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return address.kind() === 'ipv4' ? '0'.repeat(96) + bits.slice(0, length) : bits.slice(0, length);
}

function insert(tree: Node, bits: string, offset: number): void {
  let node = tree;
  for (const bit of bits.slice(0, -1)) {
    const next = node[Number(bit)];
    const inner: Node = Array.isArray(next) ? next : [undefined, undefined];
    node[Number(bit)] = inner;
    node = inner;
  }
  node[Number(bits.at(-1))] = offset;
}

function numbered(node: Node, nodes: Node[] = []): Node[] {
  nodes.push(node);
  for (const side of node) if (Array.isArray(side)) numbered(side, nodes);
  return nodes;
}

function encodeTree(nodes: readonly Node[]): Buffer {
  const bytes = Buffer.alloc(6 * nodes.length);
  const record = (side: Node[0]) => {
    if (Array.isArray(side)) return nodes.indexOf(side);
    return side === undefined ? nodes.length : nodes.length + 16 + side;
  };
  for (const [index, [left, right]] of nodes.entries()) {
    bytes.writeUIntBE(record(left), 6 * index, 3);
    bytes.writeUIntBE(record(right), 6 * index + 3, 3);
  }
  return bytes;
}

const STRING = 2;
const UINT32 = 6;
const MAP = 7;
const UINT64 = 9;
const ARRAY = 11;

function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([head(STRING, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') return Buffer.concat([head(UINT32, 4), Buffer.from(hex(value, 8), 'hex')]);
  if (typeof value === 'bigint') return Buffer.concat([head(UINT64, 8), Buffer.from(hex(value, 16), 'hex')]);
  if (Array.isArray(value)) return Buffer.concat([head(ARRAY, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([head(MAP, entries.length), ...entries.flatMap(([key, each]) => [encode(key), encode(each)])]);
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Type in the three upper bits, or behind them when it is above 7; sizes of 29 and more take another byte. */
function head(type: number, size: number): Buffer {
  const first = (type > 7 ? 0 : type << 5) | Math.min(size, 29);
  return Buffer.from([first, ...(type > 7 ? [type - 7] : []), ...(size >= 29 ? [size - 29] : [])]);
}
