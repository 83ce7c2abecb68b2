/** IP addresses of the wire as text, each made once: the same peers come again and again. */
import ipaddr from 'ipaddr.js';

const limit = 65_536;

const ipv4 = new Map<number, string>();
const ipv6 = new Map<string, string>();

/** `bits`: the four bytes as a little-endian number, as they lie in memory. */
export function ipv4Text(bits: number): string {
  return ipv4.get(bits) ?? remember(ipv4, bits, makeIpv4(bits));
}

/** `bytes`: sixteen bytes in network order. RFC 5952. */
export function ipv6Text(bytes: Uint8Array): string {
  const key = String.fromCharCode(...bytes);
  return ipv6.get(key) ?? remember(ipv6, key, ipaddr.fromByteArray([...bytes]).toString());
}

function makeIpv4(bits: number): string {
  return `${bits & 255}.${(bits >>> 8) & 255}.${(bits >>> 16) & 255}.${bits >>> 24}`;
}

/** Forgetting all at once is cheaper than keeping an order, and costs one round of formatting. */
function remember<Key>(cache: Map<Key, string>, key: Key, text: string): string {
  if (cache.size >= limit) cache.clear();
  cache.set(key, text);
  return text;
}
