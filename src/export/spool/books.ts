/** What the spool counts and says. */
import type { Ledger } from '../../ledger.ts';
import type { Segment } from './segment.ts';

const MOST_SAID = 100;

export interface SpoolBooksOptions {
  readonly directory: string;
  readonly ledger: Ledger;
  /** Writes one line to the agent's log. */
  readonly say: (message: string) => void;
}

export class SpoolBooks {
  /** Records that this run put in and that nobody has delivered or lost yet. */
  records = 0;
  /** Records that the run before had in memory alone, as far as it isn't known otherwise what became of them. */
  #crashed = 0;
  readonly #directory: string;
  readonly #ledger: Ledger;
  readonly #say: (message: string) => void;
  readonly #said = new Set<string>();

  constructor({ directory, ledger, say }: SpoolBooksOptions) {
    this.#directory = directory;
    this.#ledger = ledger;
    this.#say = say;
  }

  say(message: string): void {
    this.#say(`spool: ${message}`);
  }

  /** Records in a segment that nobody will get. */
  lose(reason: string, count: number, { isOld }: Segment): void {
    if (count > 0) this.#ledger.lose('export', reason, count);
    if (!isOld) this.records -= count;
  }

  /** `count`: records that an earlier run had in memory alone at its sudden end. What it was sending may have arrived. */
  onCrash(count: number): void {
    if (count === 0) return;
    this.#crashed = count;
    this.#ledger.lose('export', 'crash', count);
    this.say(`the run before ended with ${count} records in memory alone: they are lost`);
  }

  /** Of an earlier run's segment nobody knows how many records were in it, so the segments are counted. */
  giveUp(segment: Segment, error: unknown): void {
    this.#ledger.fault('export', 'spool_segment_lost');
    this.#sayOnce(`${segment.path} is given up: ${wordsOf(error)}`);
  }

  /** `lost`: the records that are known to have been in what is damaged. */
  onDamage(segment: Segment, lost: number): void {
    this.#ledger.fault('export', 'spool_damaged');
    // Whose writing was cut off is in memory until it is written.
    const counted = segment.isOld && !segment.isDamaged ? Math.min(lost, this.#crashed) : 0;
    this.#crashed -= counted;
    this.lose('spool_damaged', lost - counted, segment);
    const rest = segment.isDamaged ? 'what is not is read' : 'its end was cut off';
    this.#sayOnce(`${segment.path} is damaged: ${rest}`);
  }

  fault(error: unknown): void {
    this.#ledger.fault('export', 'spool');
    this.#sayOnce(`${this.#directory}: ${wordsOf(error)}`);
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message) || this.#said.size >= MOST_SAID) return;
    this.#said.add(message);
    this.say(message);
  }
}

export function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
