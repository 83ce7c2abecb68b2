/**
 * Tests for a machine whose kernel hides state changes from programs (docs/decisions/0005). What it hid is said by the agent
 * itself, and a test that failed beside that says nothing about the agent: it is done again, and the last time counts.
 */
import test, { type ExecutionContext } from 'ava';
import { hiddenSoFar } from './hidden.ts';

type Body = (t: ExecutionContext) => Promise<void>;

/** A serial test, done up to twice more after a time that failed while ends were hidden. Any other failure is one at once. */
export function serialUnlessHidden(title: string, body: Body): void {
  test.serial(title, (t) => unlessHidden(t, body));
}

export async function unlessHidden(t: ExecutionContext, body: Body): Promise<void> {
  for (let again = 2; ; again--) {
    const before = hiddenSoFar();
    const attempt = await t.try(body);
    if (attempt.passed || hiddenSoFar() === before || again === 0) return attempt.commit();
    attempt.discard({ retainLogs: true });
    t.log('this machine hid ends of connections from the programs: once more');
  }
}
