/** The two ways in which the agent refuses to run: wrong usage (exit 2) and a host that doesn't let it (exit 1). */

/** What the user typed or set is wrong; the message is one line that names it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The agent can't start here. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** What the user can do about it, as a sentence part: "run as root". */
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
