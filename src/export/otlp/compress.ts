/** gzip, off the event loop. */
import { promisify } from 'node:util';
import { gunzip as gunzipWithCallback, gzip as gzipWithCallback } from 'node:zlib';

const gzip = promisify(gzipWithCallback);
const gunzip = promisify(gunzipWithCallback);

/** A fast level: a server nearby is the usual case, and records are alike. */
export function compress(bytes: Uint8Array): Promise<Buffer> {
  return gzip(bytes, { level: 1 });
}

/** Rejects when that is no gzip, or more than `limit` bytes come out of it. */
export function decompress(bytes: Uint8Array, limit: number): Promise<Buffer> {
  return gunzip(bytes, { maxOutputLength: limit });
}
