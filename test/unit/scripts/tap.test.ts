import test from 'ava';
import { type Result, readTap } from '../../../scripts/lib/tap.ts';

const report = `TAP version 13
ok 1 - unit › adds
# a remark of a test
not ok 2 - unit › takes away - more
#   measured 3
  ---
    name: AssertionError
    message: 'no'
  ...
ok 3 - unit › later # SKIP
not ok 4 - unit › some day # TODO
`;

test('a report is counted, and a failure keeps what it said', async (t) => {
  const { summary, results } = await read(`${report}\n1..4\n# tests 4\n`);
  t.deepEqual(summary, { passed: 1, failed: 1, skipped: 2, complete: true });
  t.deepEqual(results[1], {
    title: 'unit › takes away - more',
    outcome: 'failed',
    details: ['#   measured 3', '    name: AssertionError', "    message: 'no'"],
  });
});

test('a report that breaks off is not complete, and its last test counts', async (t) => {
  const { summary } = await read(report.split('\n').slice(0, 6).join('\n'));
  t.deepEqual(summary, { passed: 1, failed: 1, skipped: 0, complete: false });
});

test('an empty report is not complete', async (t) => {
  t.deepEqual((await read('')).summary, { passed: 0, failed: 0, skipped: 0, complete: false });
});

async function read(text: string): Promise<{ summary: Awaited<ReturnType<typeof readTap>>; results: Result[] }> {
  const results: Result[] = [];
  const summary = await readTap(lines(text), (result) => results.push(result));
  return { summary, results };
}

async function* lines(text: string): AsyncGenerator<string> {
  yield* text.split('\n');
}
