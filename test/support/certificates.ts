/** Certificates that exist for one test, made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Pair {
  /** A certificate for localhost and 127.0.0.1. `days` below 0: it has expired. */
  issue(name: string, days?: number): Pair;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export function makeAuthority(directory: string, name = 'ca'): Authority {
  const file = (end: string) => join(directory, `${name}${end}`);
  const own = { cert: file('.pem'), key: file('.key') };
  openssl('req', '-x509', ...newKey, '-keyout', own.key, '-out', own.cert, '-days', '2', '-subj', `/CN=${name}`);
  return {
    ...own,
    issue(leaf, days = 2) {
      const pair = { cert: file(`-${leaf}.pem`), key: file(`-${leaf}.key`) };
      const request = file(`-${leaf}.csr`);
      const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
      openssl('req', ...newKey, '-keyout', pair.key, '-out', request, '-subj', `/CN=${leaf}`, '-addext', names);
      const signed = ['-CA', own.cert, '-CAkey', own.key, '-CAcreateserial', '-copy_extensions', 'copy'];
      openssl('x509', '-req', '-in', request, ...signed, '-days', String(days), '-out', pair.cert);
      return pair;
    },
  };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Puts another file in the place of one, as a controller does: at once. */
export function replaceFile(path: string, by: string): void {
  writeFileSync(`${path}.new`, readFileSync(by));
  renameSync(`${path}.new`, path);
}
