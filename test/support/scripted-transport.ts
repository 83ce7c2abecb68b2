/** A Transport that answers by a script, without a network. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome, Refused, Transport } from '../../src/export/otlp/transport.ts';
import { PATIENCE } from './processes.ts';

/** What comes of a request; `hang` never answers. */
export type Scripted = Outcome | 'hang';

export interface ScriptedTransport extends Transport {
  /** All that were sent, oldest first. */
  readonly requests: Uint8Array[];
  readonly accepted: Uint8Array[];
  renewals: number;
  closed: boolean;
  /** Resolves when `test` holds; throws when it never does. */
  until(test: () => boolean): Promise<void>;
}

export const ok: Outcome = { status: 'accepted', rejected: 0, message: '' };

export function refused(status: Refused['status'], reason: string, retryAfterMs?: number): Refused {
  return { status, reason, message: `${reason}: scripted`, retryAfterMs };
}

/** `answer` gets the bytes of a request and its number, from 0 on. */
export function scriptedTransport(answer: (bytes: Uint8Array, number: number) => Scripted): ScriptedTransport {
  const transport: ScriptedTransport = {
    endpoint: 'scripted',
    requests: [],
    accepted: [],
    renewals: 0,
    closed: false,
    async send(bytes) {
      const outcome = answer(bytes, transport.requests.push(bytes) - 1);
      if (outcome !== 'hang' && outcome.status === 'accepted') transport.accepted.push(bytes);
      return outcome === 'hang' ? new Promise<never>(() => undefined) : outcome;
    },
    renew: () => void transport.renewals++,
    close: () => {
      transport.closed = true;
    },
    async until(test) {
      const deadline = performance.now() + PATIENCE;
      while (!test()) {
        if (performance.now() > deadline) throw new Error(`not in ${PATIENCE} ms: ${test}; there were ${seen()}`);
        // Also holds the process: no timer of the delivery does.
        await sleep(1);
      }
    },
  };
  const seen = () =>
    `${transport.requests.length} requests, ${transport.accepted.length} accepted, ${transport.renewals} renewals`;
  return transport;
}
