import test from 'ava';
import { fuzzMessages } from '../../support/dns-fuzz.ts';

test('20,000 damaged messages break nothing, and some of them are still messages', (t) => {
  const understood = fuzzMessages(20_000, 20_261_126);
  t.true(understood > 1000 && understood < 19_000, `${understood}`);
});
