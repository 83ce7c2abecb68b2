/** The pods of this node by the kubelet's own list, read when something is not known: it has no way to watch. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fieldsOf } from '../json.ts';
import { type Api, ApiError, UNREADABLE } from './http.ts';
import { type Kept, parsePod } from './pod.ts';
import type { Pods } from './pods.ts';

export interface Kubelet {
  /** Reads the list, a little after the last time; resolves to whether it could be read. Never rejects. */
  refresh(): Promise<boolean>;
}

export interface KubeletOptions {
  readonly kept: Kept;
  readonly signal: AbortSignal;
  /** Not because `signal` ended it. */
  onFault(error: ApiError): void;
  readonly now?: () => number;
}

/** Milliseconds between two lists. After failures nobody is asked for twice as long each time, up to the second. */
const PAUSE = 500;
const LONGEST_PAUSE = 60_000;

export function createKubelet(
  api: Api,
  pods: Pods,
  { kept, signal, onFault, now = Date.now }: KubeletOptions,
): Kubelet {
  let lastRead = 0;
  let failures = 0;
  let reading: Promise<boolean> | undefined;

  const read = async (): Promise<boolean> => {
    try {
      await sleep(Math.max(0, lastRead + PAUSE - now()), undefined, { ref: false, signal });
      const { items } = fieldsOf(await api.get('/pods'));
      if (!Array.isArray(items)) throw new ApiError(UNREADABLE, 'an answer of another kind than a list of pods');
      const parsed = items.map((item) => parsePod(item, kept)).filter((pod) => pod !== undefined);
      if (parsed.length < items.length) onFault(new ApiError(UNREADABLE, 'a pod in the list was not understood'));
      pods.replace(parsed);
      failures = 0;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      failures++;
      onFault(error instanceof ApiError ? error : new ApiError(UNREADABLE, String(error)));
      return false;
    } finally {
      lastRead = now();
      reading = undefined;
    }
  };
  const isPaused = () => failures > 0 && now() < lastRead + Math.min(LONGEST_PAUSE, PAUSE * 2 ** failures);
  return {
    async refresh() {
      if (signal.aborted || (!reading && isPaused())) return false;
      reading ??= read();
      return reading;
    },
  };
}
