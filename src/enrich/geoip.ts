/**
 * Where public addresses are, from the user's own files in MaxMind's format (`--geoip`). A file that was replaced is
 * read again, off this thread; one that is broken by then leaves the old content in use.
 */
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import ipaddr from 'ipaddr.js';
import { Reader, type Response } from 'mmdb-lib';
import { StartError } from '../errors.ts';
import type { Place } from '../model.ts';

/** What the files say of an address. */
type Location = Omit<Place, 'network'>;

export interface Geoip {
  /** Undefined: the address is not a public one, or nothing is known of it. Throws when a file is damaged inside. */
  locate(address: string): Location | undefined;
  /** Looks whether a file was replaced; what was learnt before `onChange` is old then. */
  refresh(): void;
}

export interface GeoipOptions {
  readonly files: readonly string[];
  readonly warn: (message: string) => void;
  readonly onChange: () => void;
}

/** Throws a StartError for a file that can't be used. */
export function openGeoip({ files, warn, onChange }: GeoipOptions): Geoip {
  const databases = files.map((file) => openDatabase(file, { warn, onChange }));
  return {
    locate(address) {
      if (ipaddr.parse(address).range() !== 'unicast') return undefined;
      const found = databases.map((database) => database.locate(address));
      const location: Location = Object.assign({}, ...found);
      return Object.keys(location).length > 0 ? location : undefined;
    },
    refresh() {
      for (const database of databases) database.refresh();
    },
  };
}

interface Database {
  locate(address: string): Location;
  refresh(): void;
}

function openDatabase(file: string, { warn, onChange }: Omit<GeoipOptions, 'files'>): Database {
  let stamp = stampOf(file);
  let reader = openAtStart(file, warn);
  const reload = async (): Promise<void> => {
    try {
      reader = openReader(await readFile(file));
      onChange();
    } catch (error) {
      warn(`--geoip ${file} was replaced and cannot be used, the old content stays: ${explain(error)}`);
    }
  };
  return {
    locate: (address) => (isOfItsKind(reader, address) ? pick(reader.get(address)) : {}),
    refresh() {
      const now = stampOf(file);
      if (now === stamp) return;
      stamp = now;
      void reload();
    },
  };
}

function openAtStart(file: string, warn: (message: string) => void): Reader<Response> {
  try {
    const reader = openReader(readFileSync(file));
    const { databaseType } = reader.metadata;
    if (!/city|country|asn|isp|enterprise|location/i.test(databaseType))
      warn(
        `--geoip ${file} says that it is ${databaseType}; countries, cities and networks (ASN) are read, if it has any`,
      );
    return reader;
  } catch (error) {
    throw new StartError(
      `--geoip ${file}: ${explain(error)}`,
      'give a .mmdb file, such as GeoLite2-City.mmdb or GeoLite2-ASN.mmdb',
      { cause: error },
    );
  }
}

/** Throws when `bytes` are no such file: what the tree and the metadata say must fit into it. */
function openReader(bytes: Buffer): Reader<Response> {
  let reader: Reader<Response>;
  try {
    reader = new Reader<Response>(bytes);
  } catch (cause) {
    throw new Error('it is not in the MaxMind format', { cause });
  }
  const { nodeCount, searchTreeSize, binaryFormatMajorVersion } = reader.metadata;
  if (binaryFormatMajorVersion !== 2) throw new Error(`version ${binaryFormatMajorVersion} of the format is unknown`);
  if (!(nodeCount > 0) || !(searchTreeSize + 16 < bytes.length)) throw new Error('it is incomplete');
  for (const probe of ['1.1.1.1', '223.255.255.1']) reader.get(probe);
  return reader;
}

function explain(error: unknown): string {
  // A pointer in it leads to itself.
  if (error instanceof RangeError) return 'it is damaged';
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'there is no such file' : message;
}

/** A file of IPv4 alone would be asked with the first bits of an IPv6 address. */
function isOfItsKind(reader: Reader<Response>, address: string): boolean {
  return reader.metadata.ipVersion === 6 || !address.includes(':');
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : '';
}

/** The fields that the files for cities, countries and autonomous systems share; of other shapes nothing is taken. */
interface Fields {
  readonly continent?: { readonly code?: unknown };
  readonly country?: { readonly iso_code?: unknown };
  readonly subdivisions?: readonly { readonly iso_code?: unknown }[];
  readonly city?: { readonly names?: { readonly en?: unknown } };
  readonly autonomous_system_number?: unknown;
  readonly autonomous_system_organization?: unknown;
}

function pick(response: Response | null): Location {
  const fields = (response ?? {}) as Fields;
  const country = text(fields.country?.iso_code);
  const part = text(fields.subdivisions?.[0]?.iso_code);
  const number = fields.autonomous_system_number;
  return defined({
    continent: text(fields.continent?.code),
    country,
    region: country && part && `${country}-${part}`,
    city: text(fields.city?.names?.en),
    asNumber: typeof number === 'number' ? number : undefined,
    asOrganization: text(fields.autonomous_system_organization),
  });
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function defined(fields: { readonly [Key in keyof Location]: Location[Key] | undefined }): Location {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
