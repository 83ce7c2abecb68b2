import test from 'ava';
import { createHeld } from '../../../src/top/held.ts';

test('lines wait while they are held, and come in order; the last ones stay', (t) => {
  const written: string[] = [];
  const seen: string[] = [];
  const held = createHeld((line) => written.push(line));
  held.write('a\n');
  held.hold((line) => seen.push(line));
  held.write('b\n');
  t.deepEqual([written, seen], [['a\n'], ['b']]);
  held.release();
  held.write('c\n');
  t.deepEqual(written, ['a\n', 'b\n', 'c\n']);
  held.hold(() => {});
  for (let number = 0; number < 1_200; number++) held.write(`${number}\n`);
  held.release();
  held.release();
  t.deepEqual([written.length, written[3]], [1_003, '200\n']);
});
