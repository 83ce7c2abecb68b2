/** A Transport that answers by a script, without a network. */
import type { Outcome, Refused, Transport } from '../../src/export/otlp/transport.ts';

/** What comes of a request; `hang` never answers. */
export type Scripted = Outcome | 'hang';

export interface ScriptedTransport extends Transport {
  /** All that were sent, oldest first. */
  readonly requests: Uint8Array[];
  readonly accepted: Uint8Array[];
  renewals: number;
  closed: boolean;
  /** Resolves when `test` holds. */
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
    until: (test) =>
      new Promise<void>((resolve) => {
        // Also holds the process: no timer of the delivery does.
        const timer = setInterval(check, 1);
        function check() {
          if (!test()) return;
          clearInterval(timer);
          resolve();
        }
      }),
  };
  return transport;
}
