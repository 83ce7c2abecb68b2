const MINUTE = 60_000;
const MOST_NEEDED = 1024;
const FAULTS_OF_REQUESTS = new Set(['invalid_argument', 'http_400', 'http_422']);

/** It says nothing of the server, which is well. */
export function isFaultOfRequest(reason: string): boolean {
  return FAULTS_OF_REQUESTS.has(reason);
}

/**
 * When a server that refused something is well again: after one success, but after twice as many in a row each time that
 * it's in trouble again within a minute. So a server that refuses every other request doesn't fill the log.
 */
export class Health {
  #isTroubled = false;
  #successes = 0;
  #needed = 1;
  #wellSince = Number.NEGATIVE_INFINITY;

  onTrouble(): void {
    this.#successes = 0;
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    this.#needed = performance.now() - this.#wellSince < MINUTE ? Math.min(this.#needed * 2, MOST_NEEDED) : 1;
  }

  /** Returns whether it is well from now on and was not before. */
  onSuccess(): boolean {
    if (!this.#isTroubled || ++this.#successes < this.#needed) return false;
    this.#isTroubled = false;
    this.#wellSince = performance.now();
    return true;
  }
}
