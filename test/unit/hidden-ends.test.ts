/** When a test is done again because the machine hid ends, and when not. */
import test, { type ExecutionContext } from 'ava';
import { noteHidden } from '../support/hidden.ts';
import { unlessHidden } from '../support/unless-hidden.ts';

const said = {
  loss: 'sockflow: LOST 2 records: kernel missed_event',
  summary: 'sockflow: 4 records (opened 4, closed 4, live 0), sent 4, unsent 0, lost 0, late ends 1',
  record: '{"event_name":"sockflow.connection.close","attributes":{"sockflow.connection.close.late":true}}',
};

interface Time {
  readonly says: string;
  readonly passes: boolean;
}

/** How often it is done, and whether that is a success, when the times are these, and the last one comes again and again. */
async function done(t: ExecutionContext, times: readonly Time[]): Promise<{ often: number; passed: boolean }> {
  let often = 0;
  const attempt = await t.try((outer) =>
    unlessHidden(outer, async (inner) => {
      const { says, passes } = times[often++] ?? times.at(-1) ?? { says: '', passes: true };
      noteHidden(says);
      inner.true(passes);
    }),
  );
  attempt.discard();
  return { often, passed: attempt.passed };
}

for (const [where, says] of Object.entries(said))
  test.serial(`a failure beside hidden ends is no result (${where})`, async (t) => {
    const good = { says: '', passes: true };
    t.deepEqual(await done(t, [{ says, passes: false }, good]), { often: 2, passed: true });
    t.deepEqual(await done(t, [{ says, passes: false }, { says, passes: false }, good]), { often: 3, passed: true });
  });

test.serial('three of them are a failure', async (t) => {
  t.deepEqual(await done(t, [{ says: said.loss, passes: false }]), { often: 3, passed: false });
});

test.serial('a failure by itself is one at once', async (t) => {
  const other = 'sockflow: LOST 2 records: kernel ring_full';
  t.deepEqual(await done(t, [{ says: other, passes: false }]), { often: 1, passed: false });
  t.deepEqual(
    await done(t, [
      { says: said.loss, passes: false },
      { says: '', passes: false },
    ]),
    {
      often: 2,
      passed: false,
    },
  );
});

test.serial('what passes is done once, whatever was hidden', async (t) => {
  t.deepEqual(await done(t, [{ says: said.loss, passes: true }]), { often: 1, passed: true });
});
