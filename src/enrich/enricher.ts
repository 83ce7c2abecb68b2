import type { Process } from '../model.ts';

/** Completes the description of a process, once, before any record of it goes out. May not block. */
export interface Enricher {
  readonly name: string;
  enrich(process: Process): void;
}
