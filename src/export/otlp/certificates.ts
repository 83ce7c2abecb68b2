/**
 * The certificates of a connection, read again when their files change: they are short-lived where a controller issues
 * them, and the agent lives for months. Looked at when something is sent, so that nothing watches files for nothing.
 */
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from '../../errors.ts';
import type { NamedFile, Settings } from './settings.ts';

/** PEM; undefined: not given. */
export interface Certificates {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

type Sources = Pick<Settings, 'certificate' | 'clientCertificate' | 'clientKey'>;

/** Milliseconds between two looks at the files. */
const LOOK_AGAIN = 1_000;

export class CertificateFiles {
  current: Certificates;
  readonly #sources: Sources;
  readonly #say: (message: string) => void;
  readonly #lookAgain: number;
  #stamp: string;
  #lookedAt = performance.now();
  #badStamp = '';

  /** Throws a StartError of one line when a file can't be read, or is not what it should be. */
  constructor(sources: Sources, say: (message: string) => void, lookAgainMs = LOOK_AGAIN) {
    this.#sources = sources;
    this.#say = say;
    this.#lookAgain = lookAgainMs;
    this.#stamp = stampOf(sources);
    this.current = read(sources);
  }

  /** True when `current` is new since the last call. Files that are no good leave the old ones in force. */
  refresh(): boolean {
    if (performance.now() - this.#lookedAt < this.#lookAgain) return false;
    this.#lookedAt = performance.now();
    const stamp = stampOf(this.#sources);
    if (stamp === this.#stamp || stamp === this.#badStamp) return false;
    try {
      this.current = read(this.#sources);
      this.#stamp = stamp;
      this.#badStamp = '';
      return true;
    } catch (error) {
      // A key and its certificate may be replaced one after the other: the next look may find both.
      this.#badStamp = stamp;
      this.#say(`the certificates changed, and the old ones stay in use: ${(error as Error).message}`);
      return false;
    }
  }
}

/** What changes when a file is written, or when a link to it is turned, as Kubernetes does with secrets. */
function stampOf({ certificate, clientCertificate, clientKey }: Sources): string {
  return [certificate, clientCertificate, clientKey].map(stampOfFile).join('|');
}

function stampOfFile(file: NamedFile | undefined): string {
  const stat = file && statSync(file.path, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}` : '';
}

function read({ certificate, clientCertificate, clientKey }: Sources): Certificates {
  if ((clientCertificate === undefined) !== (clientKey === undefined))
    throw new Error(
      `${(clientCertificate ?? clientKey)?.source} expects a certificate and its key: --otlp-client-certificate and --otlp-client-key`,
    );
  const found = { ca: readPem(certificate), cert: readPem(clientCertificate), key: readPem(clientKey) };
  check(found, certificate ?? clientCertificate);
  return found;
}

function readPem(file: NamedFile | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  let pem: Buffer;
  try {
    pem = readFileSync(file.path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw refusal(`${file.source} expects a PEM file that can be read, not "${file.path}" (${code})`, cause);
  }
  // Without one Node would take an empty list of authorities without a word.
  if (!pem.includes('-----BEGIN ')) throw refusal(`${file.source} expects a PEM file, which "${file.path}" is not`);
  return pem;
}

function check(found: Certificates, file: NamedFile | undefined): void {
  try {
    createSecureContext({ ...found });
  } catch (cause) {
    throw refusal(`${file?.source} "${file?.path}": ${(cause as Error).message}`, cause);
  }
}

function refusal(message: string, cause?: unknown): StartError {
  return new StartError(message, 'give a file that this process may read, or leave the option out', { cause });
}
