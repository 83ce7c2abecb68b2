/**
 * Takes out of a recording what tells whose it is, and leaves what tells what went wrong: numbers, times, ports, programs
 * of the distribution, and that the same address or name is the same. The rest gets new names, counted from 1; the table
 * of them is never written. Look-ups of names are left out, and what runtimes say of containers.
 */
import { sfConnection, sfFlow, sfKind, sfTranslation } from '../capture/wire.gen.ts';
import type { Process } from '../model.ts';
import { createAddressBook } from './anonymous-addresses.ts';
import { createNameBook } from './anonymous-names.ts';
import { renameProcess, renameProcessRecord } from './anonymous-process.ts';
import { concat, spansOf } from './records.ts';

export interface Anonymizer {
  /** A batch to one that can be shown; the first one stays as it is. */
  batch(buffer: ArrayBuffer, length: number): Uint8Array;
  process(process: Process): Process;
  /** The name of a user or group. */
  account(id: number, name: string): string;
}

/** Where a record has addresses. */
const addresses: Readonly<Record<number, readonly number[]>> = {
  [sfKind.connection]: [sfConnection.localAddress, sfConnection.peerAddress],
  [sfKind.flow]: [sfFlow.localAddress, sfFlow.peerAddress, sfFlow.originalAddress],
  [sfKind.translation]: [sfTranslation.address],
};
const families: Readonly<Record<number, number>> = {
  [sfKind.connection]: sfConnection.family,
  [sfKind.flow]: sfFlow.family,
  [sfKind.translation]: sfTranslation.family,
};

/** Accounts below are the distribution's, and so is that of nobody. */
const FIRST_PERSON = 1000;
const NOBODY = 65_534;

export function createAnonymizer(): Anonymizer {
  const book = createAddressBook();
  const names = createNameBook();

  const withoutAddresses = (record: Uint8Array, kind: number): Uint8Array => {
    const size = record[families[kind] as number] === 4 ? 4 : 16;
    for (const at of addresses[kind] as readonly number[]) book.replace(record.subarray(at, at + size));
    return record;
  };
  const replaceRecord = (record: Uint8Array, kind: number): Uint8Array[] => {
    if (kind === sfKind.dns) return [];
    if (kind === sfKind.process) return [renameProcessRecord(record, names)];
    return [addresses[kind] ? withoutAddresses(record, kind) : record];
  };
  return {
    batch(buffer, length) {
      const spans = [...spansOf(new DataView(buffer, 0, length))];
      const copies = spans.flatMap(({ kind, offset, length: size }) =>
        replaceRecord(new Uint8Array(buffer.slice(offset, offset + size)), kind),
      );
      return new Uint8Array(concat(copies));
    },
    process: (process) => renameProcess(process, names),
    account: (id, name) => (id < FIRST_PERSON || id === NOBODY ? name : names.word(name)),
  };
}
