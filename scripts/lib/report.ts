/** What a person sees of a test run. */

import { styleText } from 'node:util';
import type { Outcome, Result } from './tap.ts';

const symbols: Record<Outcome, string> = {
  passed: styleText('green', '✔'),
  failed: styleText('red', '✖'),
  skipped: styleText('yellow', '−'),
};

export function symbol(good: boolean): string {
  return good ? symbols.passed : symbols.failed;
}

/** Since a moment that performance.now() gave. */
export function seconds(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}

export function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

/** A tick per test; a failure and a skipped test by name. */
export class Report {
  readonly #verbose: boolean;
  #ticks = 0;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  show(result: Result): void {
    if (result.outcome === 'passed' && !this.#verbose) this.#tick();
    else this.#name(result);
  }

  end(): void {
    if (this.#ticks > 0) process.stdout.write('\n');
    this.#ticks = 0;
  }

  #tick(): void {
    if (this.#ticks === 100) this.end();
    process.stdout.write(`${this.#ticks === 0 ? '  ' : ''}${symbol(true)}`);
    this.#ticks++;
  }

  #name({ title, outcome, details }: Result): void {
    this.end();
    console.log(`  ${symbols[outcome]} ${title}`);
    if (outcome !== 'passed' || this.#verbose) for (const line of details) console.log(`    ${line}`);
  }
}
