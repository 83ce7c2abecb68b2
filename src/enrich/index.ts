import type { Ledger } from '../ledger.ts';
import type { Process } from '../model.ts';
import type { Enricher } from './enricher.ts';

/** One function of all enrichers; one that fails is counted and skipped, the process goes on without its part. */
export function createEnrichment(enrichers: readonly Enricher[], ledger: Ledger): (process: Process) => void {
  return (process) => {
    for (const enricher of enrichers) {
      try {
        enricher.enrich(process);
      } catch {
        ledger.fault('enrich', enricher.name);
      }
    }
  };
}
