/** The agent's books, as its metrics read them. */
import { losses } from '../cli/books.ts';
import type { ExporterContext } from '../export/index.ts';
import type { Delivery } from '../export/otlp/delivery.ts';
import type { AgentBooks } from './agent.ts';

/** An output with a queue. */
export interface Queued {
  readonly name: string;
  readonly queuedBytes: number;
  readonly delivery: Delivery;
}

export function agentBooks(
  { ledger, kernelCounts, capabilities, isReady }: ExporterContext,
  queued: readonly Queued[],
): AgentBooks {
  return {
    ledger,
    kernelCounts: () => (isReady() ? kernelCounts() : undefined),
    capabilities: () => (isReady() ? capabilities() : {}),
    losses: (counts) => losses(ledger, counts),
    queues: () => new Map(queued.map(({ name, queuedBytes }) => [name, queuedBytes])),
    deliveries: new Map(queued.map(({ name, delivery }) => [name, delivery])),
  };
}
