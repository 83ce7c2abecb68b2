/** The pods of this node by the kubelet's own list, read when something is not known: it has no way to watch. */
import { type Api, ApiError, UNREADABLE } from './http.ts';
import { fieldsOf } from './json.ts';
import { type Kept, parsePod } from './pod.ts';
import type { Pods } from './pods.ts';

export interface Kubelet {
  /** Reads the list, unless that was just done or failed; resolves when it is over. Never rejects. */
  refresh(): Promise<void>;
}

export interface KubeletOptions {
  readonly kept: Kept;
  onFault(error: ApiError): void;
  readonly now?: () => number;
}

/** Milliseconds between two lists; after failures twice as long each time, up to the second. */
const PAUSE = 500;
const LONGEST_PAUSE = 60_000;

export function createKubelet(api: Api, pods: Pods, { kept, onFault, now = Date.now }: KubeletOptions): Kubelet {
  let notBefore = 0;
  let failures = 0;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    try {
      const { items } = fieldsOf(await api.get('/pods'));
      if (!Array.isArray(items)) throw new ApiError(UNREADABLE, 'an answer of another kind than a list of pods');
      const parsed = items.map((item) => parsePod(item, kept)).filter((pod) => pod !== undefined);
      if (parsed.length < items.length) onFault(new ApiError(UNREADABLE, 'a pod in the list was not understood'));
      pods.replace(parsed);
      failures = 0;
      notBefore = now() + PAUSE;
    } catch (error) {
      failures++;
      notBefore = now() + Math.min(LONGEST_PAUSE, PAUSE * 2 ** failures);
      onFault(error instanceof ApiError ? error : new ApiError(UNREADABLE, String(error)));
    } finally {
      reading = undefined;
    }
  };
  return {
    async refresh() {
      if (!reading && now() >= notBefore) reading = read();
      await reading;
    },
  };
}
