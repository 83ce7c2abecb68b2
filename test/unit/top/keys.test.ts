import test from 'ava';
import { itemsOf } from '../../../src/top/items.ts';
import { createKeyReader, type Key, readKeys } from '../../../src/top/keys.ts';
import { press, settle } from '../../../src/top/press.ts';
import type { State } from '../../../src/top/state.ts';
import { makeHost, makeState } from '../../support/top-snapshot.ts';

const rows = makeHost();
const HEIGHT = 10;

/** What is chosen after these bytes. */
function after(bytes: string, begin: State = makeState()): State {
  return readKeys(bytes).reduce<State>((state, key) => {
    const result = press(state, key, { items: itemsOf(rows, state), height: HEIGHT, columns: 80 });
    if (typeof result === 'string') throw new Error(result);
    return settle(result, { items: itemsOf(rows, result), height: HEIGHT });
  }, begin);
}

const selected = (bytes: string, begin?: State) => after(bytes, begin).selected?.index;

test('bytes become keys; what is unknown becomes none', (t) => {
  t.deepEqual(readKeys('\x1b[A\x1bOBq'), ['up', 'down', 'q']);
  t.deepEqual(readKeys('\x1b[5~\x1b[6~\x1b[1~\x1b[F'), ['page up', 'page down', 'home', 'end']);
  t.deepEqual(readKeys('\x1b'), ['escape']);
  t.deepEqual(readKeys('\x1b[1;5C\x1b[200~\x1bx'), []);
  t.deepEqual(readKeys('\r\x7f\x03\x1aé日'), ['enter', 'backspace', '^C', '^Z', 'é', '日']);
  t.deepEqual(readKeys('\x1b[<0;1;1M'), []);
});

test('a sequence may come in pieces; Esc alone is a key when nothing follows', async (t) => {
  const keys: Key[] = [];
  const news = { wanted: 0, resolve: () => {} };
  const reader = createKeyReader((more) => {
    keys.push(...more);
    if (keys.length >= news.wanted) news.resolve();
  });
  for (const piece of ['j\x1b', '[', '5', '~k', '\x1bO', 'A']) reader(piece);
  t.deepEqual(keys, ['j', 'page up', 'k', 'up']);
  const escaped = Promise.withResolvers<void>();
  Object.assign(news, { wanted: 5, resolve: escaped.resolve });
  reader('\x1b');
  t.is(keys.length, 4);
  await escaped.promise;
  t.is(keys[4], 'escape');
});

test('the cursor comes with the first step and stays on the table', (t) => {
  t.is(selected(''), undefined);
  t.is(selected('j'), 0);
  t.is(selected('\x1b[B'), 0);
  t.is(selected('jj'), 1);
  t.is(selected('jjk\x1b[A\x1b[A'), 0);
  t.is(selected('G'), 4);
  t.is(selected('Gj'), 4);
  t.is(selected('G\x1b[H'), 0);
  t.is(selected('jj\x1b'), undefined);
  const flat = makeState({ grouping: 'none' });
  t.is(selected('j\x1b[6~', flat), HEIGHT);
  t.is(after('G', flat).first, itemsOf(rows, flat).length - HEIGHT);
  t.is(after('Gk', flat).first, itemsOf(rows, flat).length - HEIGHT);
});

test('the cursor stays on its line when that moves, and near it when it goes', (t) => {
  const state = after('jj');
  const turned = settle(press(state, 'S', { items: itemsOf(rows, state), height: HEIGHT, columns: 80 }) as State, {
    items: itemsOf(rows, { ...state, order: { by: 'rate', isReversed: true } }),
    height: HEIGHT,
  });
  t.is(turned.selected?.id, state.selected?.id);
  t.not(turned.selected?.index, state.selected?.index);
  const few = itemsOf(rows.slice(0, 40), state);
  t.is(settle(state, { items: few, height: HEIGHT }).selected?.index, 0);
  t.is(settle(state, { items: [], height: HEIGHT }).selected, undefined);
});

test('groups open and close; in one the way out is to its head', (t) => {
  t.is(after('jj\r').opened.size, 1);
  t.is(after('jj \r').opened.size, 0);
  t.is(after('jjll').opened.size, 1);
  t.is(selected('jj\rjjh'), 1);
  t.is(after('jj\rjjhh').opened.size, 0);
});

test('group, sort, what is shown', (t) => {
  t.deepEqual(
    ['', 'g', 'gg', 'ggg', 'gggg', 'ggggg', 'gggggg'].map((keys) => after(keys).grouping),
    ['process', 'pod', 'peer', 'port', 'user', 'none', 'process'],
  );
  t.deepEqual(after('s').order, { by: 'received', isReversed: false });
  t.deepEqual(after('sS').order, { by: 'received', isReversed: true });
  const { isPaused, showsEnded, onlyFailed, showsNames, isHelp } = after('ptfn?');
  t.deepEqual(
    { isPaused, showsEnded, onlyFailed, showsNames, isHelp },
    { isPaused: true, showsEnded: true, onlyFailed: true, showsNames: false, isHelp: true },
  );
  t.false(after('pp').isPaused);
});

test('a filter is typed, taken or left; what is wrong with it is said', (t) => {
  t.is(after('/proc=q').input?.text, 'proc=q');
  t.is(after('/proc=nginx\r').filterText, 'proc=nginx');
  t.is(itemsOf(rows, after('/proc=nginx\r')).length, 1);
  t.is(after('/proc=nginx\r/\x15\r').filter, undefined);
  t.is(after('/proc=nginx port=\x17\x7fy\x1b').filterText, '');
  t.is(after('/a b\x17').input?.text, 'a ');
  t.is(after('/äb\x7f\x7f').input?.text, '');
  const wrong = after('/prc=nginx\r');
  t.is(wrong.input?.error, 'prc= is none of its words; did you mean proc?');
  t.is(wrong.filter, undefined);
  t.is(after('/prc=nginx\rx').input?.error, undefined);
});

test('the end, and the way to the shell and back', (t) => {
  const seen = { items: [], height: HEIGHT, columns: 80 };
  t.is(press(makeState(), 'q', seen), 'quit');
  t.is(press(makeState(), '^C', seen), 'quit');
  t.is(press(makeState({ input: { text: '' } }), '^C', seen), 'quit');
  t.is(press(makeState(), '^Z', seen), 'suspend');
  t.false((press(makeState({ isHelp: true }), 'q', seen) as State).isHelp);
});

test('columns are chosen one by one, beginning with those that are seen; the title stays; it holds when the list is left', (t) => {
  const names = (bytes: string, begin?: State) => {
    const { columns } = after(bytes, begin);
    return columns && [...columns].toSorted();
  };
  const usual = ['peer', 'received', 'retransmits', 'rtt', 'sent', 'state', 'title'];
  t.is(names('c'), undefined);
  t.is(after('c').picking, 0);
  t.deepEqual(names('c '), usual, 'the title');
  t.deepEqual(names('cj '), [...usual, 'user'].toSorted());
  t.deepEqual(names('cj\r\x1b[B '), [...usual, 'user', 'parent'].toSorted());
  t.deepEqual(names('cj  '), usual);
  t.deepEqual(
    names('cG '),
    usual.filter((name) => name !== 'sent'),
  );
  t.is(after('cGj').picking, after('cG').picking);
  for (const leave of ['c', 'q', '\x1b']) {
    const left = after(`cj ${leave}`);
    t.is(left.picking, undefined);
    t.true(left.columns?.has('user'));
  }
  t.is(names('cj a'), undefined);
  t.is(after('cs').order.by, 'rate', 'other keys are those of the list');
  t.is(after('cjs/').input, undefined);
  t.is(press(after('c'), '^C', { items: [], height: HEIGHT, columns: 80 }), 'quit');
});
