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
  writeFileSync(file('.index'), '');
  writeFileSync(file('.conf'), configuration(directory, file('.index')));
  return {
    ...own,
    issue(leaf, days = 2) {
      const pair = { cert: file(`-${leaf}.pem`), key: file(`-${leaf}.key`) };
      const request = file(`-${leaf}.csr`);
      const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
      openssl('req', ...newKey, '-keyout', pair.key, '-out', request, '-subj', `/CN=${leaf}`, '-addext', names);
      const by = ['-config', file('.conf'), '-cert', own.cert, '-keyfile', own.key];
      const valid = ['-startdate', inDays(Math.min(days, 0) - 1), '-enddate', inDays(days)];
      openssl('ca', '-batch', '-notext', ...by, ...valid, '-in', request, '-out', pair.cert);
      return pair;
    },
  };
}

/** `openssl x509` takes no dates in older versions, and refuses a number of days below 0 in newer ones; `openssl ca` has both. */
function configuration(directory: string, index: string): string {
  return `[ca]
default_ca = own
[own]
database = ${index}
new_certs_dir = ${directory}
rand_serial = yes
unique_subject = no
default_md = sha256
copy_extensions = copy
policy = any
[any]
commonName = supplied
`;
}

/** YYYYMMDDHHMMSSZ */
function inDays(days: number): string {
  const date = new Date(Date.now() + days * 86_400_000);
  return `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Puts another file in the place of one, as a controller does: at once. */
export function replaceFile(path: string, by: string): void {
  writeFileSync(`${path}.new`, readFileSync(by));
  renameSync(`${path}.new`, path);
}
