import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Writer } from '../../src/writer.ts';

test('texts that come in one turn are all written, the last one too, without another to push them', async (t) => {
  const written: string[] = [];
  const writer = new Writer(
    {
      write(bytes) {
        written.push(Buffer.from(bytes).toString());
        return bytes.length;
      },
    },
    1024,
  );
  for (const text of ['one', 'two', 'three']) {
    writer.push([text]);
    writer.start();
  }
  await nextTurn();
  t.is(written.join(' '), 'one two three');
  t.is(writer.waiting, 0);
});
