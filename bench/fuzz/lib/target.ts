/** Something that reads what others wrote, and what it promises whatever they write. */
import type { Random } from './random.ts';

export interface Target {
  /** As it is called on the command line; also of its directory in corpus/. */
  readonly name: string;
  /** Completes the sentence "it reads …". */
  readonly reads: string;
  /** Inputs in a run of its own; where one takes long they are fewer. Default: 10 million. */
  readonly inputs?: number;
  /** Inputs in a test, about a third of a second. */
  readonly few: number;
  /** Milliseconds that an input may take, where that is more than ten. */
  readonly longest?: number;
  /** False: whatever comes is understood. */
  readonly refuses?: false;
  open(): Session;
}

export interface Session {
  /** The next input, made of nothing but `random` and what does not change. */
  make(random: Random): Buffer;
  /** Whether the input was understood. Throws when what is tested breaks its word. */
  judge(input: Buffer): boolean | Promise<boolean>;
  close?(): void;
}

/** Throws with `what` unless it holds. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Runs `read`; undefined when it throws an error of the kind that it may throw. */
export function refusing<Value>(
  read: () => Value,
  ...kinds: readonly (new (
    ...given: never[]
  ) => Error)[]
): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}
