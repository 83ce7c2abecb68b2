/** What `sockflow check` says of one thing. */

/** `partly`: it is there with something missing. `off`: it isn't there, and nobody asked for it. */
export type State = 'ok' | 'partly' | 'off' | 'missing';

export interface Finding {
  /** What it is about. */
  readonly name: string;
  readonly state: State;
  /** What it is for. */
  readonly purpose: string;
  /** What was found: a version, a path, the words of a server. */
  readonly found?: string | undefined;
  /** Unless all is well: what is lost by it, and how to get it. */
  readonly lost?: string | undefined;
  readonly remedy?: string | undefined;
}

export interface Group {
  readonly title: string;
  readonly findings: readonly Finding[];
}

/** Something that is there or not. */
export interface Question {
  readonly name: string;
  readonly purpose: string;
  readonly isThere: boolean;
  /** The agent can't start without it, or somebody asked for it. */
  readonly isNeeded: boolean;
  readonly found?: string | undefined;
  readonly lost: string;
  readonly remedy: string;
}

export function judge({ isThere, isNeeded, name, purpose, found, lost, remedy }: Question): Finding {
  if (isThere) return { name, state: 'ok', purpose, found };
  return { name, state: isNeeded ? 'missing' : 'off', purpose, found, lost, remedy };
}
