/** What a key does to what was chosen. */
import { parseFilter } from '../filter/parse.ts';
import { groupings, sortings } from './choices.ts';
import { type Item, idOf } from './items.ts';
import type { Key } from './keys.ts';
import { pick } from './pick.ts';
import type { State } from './state.ts';

/** What is on the screen when the key is pressed. */
export interface Seen {
  readonly items: readonly Item[];
  /** Lines of the table. */
  readonly height: number;
  /** Of the terminal. */
  readonly columns: number;
}

/** What only the program can do. */
export type Wish = 'quit' | 'suspend';

type Change = (state: State, seen: Seen) => State;

const changes: Readonly<Record<Key, Change>> = {
  up: moveBy(() => -1),
  k: moveBy(() => -1),
  down: moveBy(() => 1),
  j: moveBy(() => 1),
  'page up': moveBy(({ height }) => -height),
  '^B': moveBy(({ height }) => -height),
  'page down': moveBy(({ height }) => height),
  '^F': moveBy(({ height }) => height),
  home: moveBy(({ items }) => -items.length),
  end: moveBy(({ items }) => items.length),
  G: moveBy(({ items }) => items.length),
  enter: fold('either'),
  ' ': fold('either'),
  right: fold('open'),
  l: fold('open'),
  left: fold('closed'),
  h: fold('closed'),
  g: (state) => ({ ...anew(state), grouping: after(groupings, state.grouping), opened: new Set() }),
  s: (state) => ({ ...state, order: { by: after(sortings, state.order.by), isReversed: false } }),
  S: (state) => ({ ...state, order: { ...state.order, isReversed: !state.order.isReversed } }),
  f: (state) => ({ ...state, onlyFailed: !state.onlyFailed }),
  t: (state) => ({ ...state, showsEnded: !state.showsEnded }),
  n: (state) => ({ ...state, showsNames: !state.showsNames }),
  p: (state) => ({ ...state, isPaused: !state.isPaused }),
  c: (state) => ({ ...state, isHelp: false, picking: 0 }),
  '?': (state) => ({ ...state, isHelp: !state.isHelp }),
  '/': (state) => ({ ...state, isHelp: false, input: { text: state.filterText } }),
  escape: (state) => ({ ...anew(state), isHelp: false }),
};

export function press(state: State, key: Key, seen: Seen): State | Wish {
  if (key === '^C') return 'quit';
  if (key === '^Z') return 'suspend';
  if (state.input) return typed(state, state.input.text, key);
  if (state.picking !== undefined) return pick(state, state.picking, key, seen.columns);
  if (key === 'q') return state.isHelp ? { ...state, isHelp: false } : 'quit';
  const change = Object.hasOwn(changes, key) ? changes[key] : undefined;
  return change ? change(state, seen) : state;
}

function anew(state: State): State {
  return { ...state, selected: undefined, first: 0 };
}

function after<Word>(words: readonly Word[], word: Word): Word {
  return words[(words.indexOf(word) + 1) % words.length] as Word;
}

/** The first step only shows the cursor. */
function moveBy(steps: (seen: Seen) => number): Change {
  return (state, seen) => {
    const { items } = seen;
    const by = steps(seen);
    const from = state.selected ? state.selected.index : by > 0 && by < items.length ? by - 1 : 0;
    const start = state.selected ? from + by : by >= items.length ? by : from;
    return select(state, seen, start);
  };
}

function select(state: State, { items }: Seen, wanted: number): State {
  const index = Math.max(0, Math.min(wanted, items.length - 1));
  const item = items[index];
  return item ? { ...state, selected: { id: idOf(item), index } } : state;
}

function fold(wanted: 'open' | 'closed' | 'either'): Change {
  return (state, seen) => {
    const item = state.selected && seen.items[state.selected.index];
    if (!item) return state;
    // In a group the way out is to its head.
    if (item.kind === 'row') return wanted === 'closed' ? leave(state, seen, item) : state;
    const isOpen = wanted === 'either' ? !item.isOpen : wanted === 'open';
    const opened = new Set(state.opened);
    if (isOpen) opened.add(item.group.key);
    else opened.delete(item.group.key);
    return { ...state, opened };
  };
}

function leave(state: State, seen: Seen, { group }: Extract<Item, { kind: 'row' }>): State {
  const head = seen.items.findIndex((item) => item.kind === 'group' && item.group.key === group?.key);
  return head < 0 ? state : select(state, seen, head);
}

/** While a filter is being typed. */
function typed(state: State, text: string, key: Key): State {
  if (key === 'escape') return { ...state, input: undefined };
  if (key === 'enter') return take(state, text);
  return { ...state, input: { text: edited(text, key) } };
}

function take(state: State, text: string): State {
  try {
    const filter = text.trim() === '' ? undefined : parseFilter(text);
    return { ...anew(state), input: undefined, filter, filterText: text.trim() };
  } catch (error) {
    return { ...state, input: { text, error: (error as Error).message } };
  }
}

const MOST_TYPED = 400;

function edited(text: string, key: Key): string {
  if (key === 'backspace') return [...text].slice(0, -1).join('');
  if (key === '^U') return '';
  if (key === '^W') return text.replace(/\S*\s*$/, '');
  return [...key].length === 1 && text.length < MOST_TYPED ? text + key : text;
}

/** The cursor stays on what it was on, wherever that is now; what is seen follows it. */
export function settle(state: State, { items, height }: Pick<Seen, 'items' | 'height'>): State {
  const last = Math.max(0, items.length - 1);
  const { selected } = state;
  if (!selected) return { ...state, first: clamp(state.first, 0, Math.max(0, items.length - height)) };
  const found = items.findIndex((item) => idOf(item) === selected.id);
  const index = found < 0 ? Math.min(selected.index, last) : found;
  const item = items[index];
  if (!item) return { ...state, selected: undefined, first: 0 };
  const most = Math.max(0, items.length - height);
  const first = clamp(clamp(state.first, index - height + 1, index), 0, most);
  return { ...state, selected: { id: idOf(item), index }, first };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
