/** A short campaign of each target of `npm run fuzz`, always the same one, and all inputs that were ever found. */
import test from 'ava';
import { campaign, judgeOne } from '../../bench/fuzz/lib/campaign.ts';
import { kept } from '../../bench/fuzz/lib/corpus.ts';
import type { Target } from '../../bench/fuzz/lib/target.ts';
import { targets } from '../../bench/fuzz/targets/index.ts';

const SEED = 20_261_126;

for (const target of targets) {
  test(`whatever comes, ${target.name} keeps its word; some of it is understood, and some is not`, async (t) => {
    const { understood, inputs } = await campaign(target, { inputs: target.few, seed: SEED });
    t.true(understood > inputs / 200, `${understood} of ${inputs}`);
    if (target.refuses !== false) t.true(understood < inputs * 0.995, `${understood} of ${inputs}`);
  });

  for (const { name, input } of kept(target.name))
    test(`found once, and mended: ${target.name}, ${name.replaceAll('-', ' ')}`, async (t) => {
      await t.notThrowsAsync(judgeOne(target, input, name));
    });
}

test('a campaign goes on where another one ended, with the inputs that come then', async (t) => {
  const inputsOf = async (from: number, inputs: number): Promise<number[]> => {
    const made: number[] = [];
    const target: Target = {
      name: 'any',
      reads: 'anything',
      few: 1,
      open: () => ({
        make(random) {
          made.push(random.below(1e9));
          return Buffer.alloc(0);
        },
        judge: () => true,
      }),
    };
    await campaign(target, { from, inputs, seed: SEED });
    return made;
  };
  t.deepEqual([...(await inputsOf(0, 7)), ...(await inputsOf(7, 5))], await inputsOf(0, 12));
});
