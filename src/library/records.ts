/** The public names of what a watcher gives; src/model.ts says what each field is. */
import type { ConnectionRecord, LookupRecord } from '../model.ts';

/** One event of one connection. It is yours: sockflow does not change its fields any more. */
export type ConnectionEventRecord = Readonly<Omit<ConnectionRecord, 'end'>>;

/** `event` tells which: `dns` is a look-up of a name, all others are events of connections. */
export type WatchedRecord = ConnectionEventRecord | LookupRecord;
