/**
 * Follows a collection of the API server: a list in pages, then a watch from its version on. Whatever goes wrong, it goes
 * on after a pause, where it can from the last version that it saw, else with a new list.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fieldsOf } from '../json.ts';
import { type Fault, faultOf } from './faults.ts';
import { type Api, ApiError, type Query, UNREADABLE } from './http.ts';

export interface Collection<Item> {
  /** `/api/v1/pods` */
  readonly path: string;
  readonly query: Query;
  /** What is kept of an object; undefined: it is not understood. */
  parse(object: unknown): Item | undefined;
  /** All that there is. */
  replace(items: readonly Item[]): void;
  put(item: Item): void;
  remove(item: Item): void;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** The list is read, and changes will come. Called again after each new list. */
  onSynced?(): void;
  /** Each request that failed, and each object that was not understood (`malformed`). */
  onFault(what: Fault, message: string): void;
  /** Milliseconds of pause after a first failure, and at most. */
  readonly pause?: { readonly first: number; readonly most: number };
  /** Milliseconds of one watch. */
  readonly watchTime?: number;
}

const PAGE = '500';
/** A million objects; nobody has as many. */
const MOST_PAGES = 2_000;
/** A watch that lived so long, in milliseconds, was a good one; one that told of a change had a reason to end, once. */
const GOOD = 5_000;

/** Resolves after `signal`; never rejects. */
export async function follow<Item>(api: Api, collection: Collection<Item>, options: FollowOptions): Promise<void> {
  const { signal, onSynced, onFault, pause = { first: 500, most: 30_000 } } = options;
  let version: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    let hasChanged = false;
    let wait = 0;
    try {
      if (version === undefined) {
        version = await list(api, collection, options);
        onSynced?.();
      }
      const from = version;
      await watch(api, collection, options, from, (seen) => {
        version = seen;
        hasChanged = true;
      });
      failures = performance.now() - begun > GOOD ? 0 : hasChanged ? 1 : failures + 1;
    } catch (error) {
      if (signal.aborted) return;
      const fault = error instanceof ApiError ? faultOf(error) : 'failed';
      onFault(fault, error instanceof Error ? error.message : String(error));
      failures = hasChanged && fault !== 'expired' ? 1 : failures + 1;
      // What was missed in between is only seen by a new list.
      if (fault === 'expired' || fault === 'malformed') version = undefined;
      wait = error instanceof ApiError ? error.retryAfter : 0;
    }
    if (failures > 0) await rest(Math.max(wait, backOff(failures, pause)), signal);
  }
}

/** Between half and all of the time, so that a thousand agents don't come at once. */
function backOff(failures: number, { first, most }: { readonly first: number; readonly most: number }): number {
  return Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.5 + Math.random() / 2);
}

async function rest(time: number, signal: AbortSignal): Promise<void> {
  await sleep(time, undefined, { signal, ref: false }).catch(() => undefined);
}

interface Meta {
  readonly resourceVersion?: unknown;
  readonly continue?: unknown;
}

/** Returns the version of the list. */
async function list<Item>(api: Api, collection: Collection<Item>, { onFault }: FollowOptions): Promise<string> {
  const all: Item[] = [];
  let next = '';
  let version: string | undefined;
  let pages = 0;
  do {
    if (++pages > MOST_PAGES) throw new ApiError(UNREADABLE, `a list of more than ${MOST_PAGES} pages`);
    const page = await api.get(collection.path, {
      ...collection.query,
      limit: PAGE,
      ...(next === '' ? {} : { continue: next }),
    });
    const { items, metadata } = fieldsOf(page) as { items?: unknown; metadata?: Meta };
    if (!Array.isArray(items) || typeof metadata?.resourceVersion !== 'string')
      throw new ApiError(UNREADABLE, 'an answer of another kind than a list');
    for (const object of items) {
      const item = collection.parse(object);
      if (item === undefined) onFault('malformed', 'an object in a list was not understood');
      else all.push(item);
    }
    version = metadata.resourceVersion;
    next = typeof metadata.continue === 'string' ? metadata.continue : '';
  } while (next !== '');
  collection.replace(all);
  return version;
}

/** Four to six minutes, so that watches do not all end together. */
function randomWatchTime(): number {
  return 240_000 + Math.floor(Math.random() * 120_000);
}

interface Event {
  readonly type?: unknown;
  readonly object?: unknown;
}

/** `onVersion`: what was seen so far, so that the next watch begins there. */
async function watch<Item>(
  api: Api,
  collection: Collection<Item>,
  { signal, onFault, watchTime = randomWatchTime() }: FollowOptions,
  from: string,
  onVersion: (version: string) => void,
): Promise<void> {
  const query = {
    ...collection.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: from,
    timeoutSeconds: String(Math.ceil(watchTime / 1_000)),
  };
  const onValue = (value: unknown): void => {
    const { type, object } = fieldsOf(value) as Event;
    if (type === 'ERROR') throw toError(object);
    const version = (fieldsOf(object).metadata as Meta | undefined)?.resourceVersion;
    if (type !== 'BOOKMARK') apply(collection, type, object, onFault);
    if (typeof version === 'string' && version !== '') onVersion(version);
  };
  await api.stream(collection.path, query, { signal, onValue, longest: watchTime + 15_000 });
}

function apply<Item>(
  collection: Collection<Item>,
  type: unknown,
  object: unknown,
  onFault: FollowOptions['onFault'],
): void {
  const item = collection.parse(object);
  if (item === undefined) onFault('malformed', 'an object in an event was not understood');
  else if (type === 'DELETED') collection.remove(item);
  else if (type === 'ADDED' || type === 'MODIFIED') collection.put(item);
  else onFault('malformed', 'an event of an unknown kind');
}

/** The server's own complaint in the stream, which is HTTP's 200 by then. */
function toError(status: unknown): ApiError {
  const { code, message } = fieldsOf(status);
  return new ApiError(typeof code === 'number' ? code : 500, typeof message === 'string' ? message : 'an error');
}
