/** SIGHUP: the configuration is read again, and what can change while the agent runs does. */
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import type { Log } from '../log.ts';
import { entries, type Key, type Options, optionName } from './options.ts';

type Live = { -readonly [K in keyof Options]: Options[K] };

/** Looked at whenever they matter; all others are built into what is attached, opened and connected at the start. */
const reloadable = ['filter', 'logLevel'] as const satisfies Key[];

/** `read` parses the same command line and environment again, and the file as it is now; what it throws leaves all as it was. */
export function reload(options: Options, read: () => Options, log: Pick<Log, 'say'>): void {
  try {
    const fresh = read();
    const changed = entries.map(([key]) => key).filter((key) => !isDeepStrictEqual(fresh[key], options[key]));
    const now = reloadable.filter((key) => changed.includes(key));
    for (const key of now) take(options, fresh, key);
    const later = changed.filter((key) => !(now as Key[]).includes(key));
    log.say(`configuration read again: ${sentence(now, later)}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    log.say(`configuration read again and refused, the one before stays in force: ${error.message}`);
  }
}

function take<K extends (typeof reloadable)[number]>(options: Options, fresh: Options, key: K): void {
  (options as Live)[key] = fresh[key];
}

function sentence(now: readonly Key[], later: readonly Key[]): string {
  if (now.length === 0 && later.length === 0) return 'nothing has changed';
  const parts = [
    ...(now.length > 0 ? [`in force: ${now.map(optionName).join(', ')}`] : []),
    ...(later.length > 0 ? [`takes a restart: ${later.map(optionName).join(', ')}`] : []),
  ];
  return parts.join('; ');
}
