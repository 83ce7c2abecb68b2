/** Which columns a line has and how wide they are: a function of where it is printed, never of what it says. */

export interface Layout {
  /** Widths; 0: the column isn't there. The tail has what is left of `columns`. */
  readonly owner: number;
  readonly user: number;
  readonly parent: number;
  readonly container: number;
  readonly localPort: number;
  readonly peer: number;
  readonly tail: number;
  /** Names are cut and parts of the tail left out when they don't fit. */
  readonly cut: boolean;
  /** The tail says all, not only what matters most. */
  readonly isWide: boolean;
  readonly symbols: Symbols;
}

export interface Symbols {
  readonly ascii: boolean;
  readonly dialled: string;
  readonly accepted: string;
  readonly unknown: string;
  readonly sent: string;
  readonly received: string;
  readonly cut: string;
  readonly microseconds: string;
  /** Instead of what is not there. */
  readonly none: string;
}

/** What means something: red is trouble, yellow is worth a look. */
export interface Colors {
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const unicode: Symbols = {
  ascii: false,
  dialled: '→',
  accepted: '←',
  unknown: '·',
  sent: '↑',
  received: '↓',
  cut: '…',
  microseconds: 'µs',
  none: '–',
};

const plain: Symbols = {
  ascii: true,
  dialled: '->',
  accepted: '<-',
  unknown: '--',
  sent: '^',
  received: 'v',
  cut: '~',
  microseconds: 'us',
  none: '-',
};

/** An IPv6 address in brackets with a port, whole: `[2001:db8:1:2:3:4:5:6]:65535` can take this much. */
const LONGEST_PEER = 47;

const WIDE = 160;
const NARROWEST_PEER = 27;
const WIDEST = WIDE + LONGEST_PEER - NARROWEST_PEER;

/** `columns`: of the terminal; undefined for a pipe or a file, where nothing is cut. */
export function createLayout(columns: number | undefined, isUtf8: boolean): Layout {
  const symbols = isUtf8 ? unicode : plain;
  if (columns === undefined) return { ...wide(symbols, WIDEST), cut: false };
  if (columns >= WIDE) return wide(symbols, Math.min(columns, WIDEST));
  if (columns >= 130) return medium(symbols, columns);
  return narrow(symbols);
}

/** 79 columns. ASCII arrows are one column wider, which the owner pays. */
function narrow(symbols: Symbols): Layout {
  const owner = symbols.ascii ? 17 : 18;
  const absent = { user: 0, parent: 0, container: 0, localPort: 0 };
  return { owner, ...absent, peer: 21, tail: 17, cut: true, isWide: false, symbols };
}

/** All but parent and container; the peer takes what more there is. */
function medium(symbols: Symbols, columns: number): Layout {
  const owner = symbols.ascii ? 17 : 18;
  const peer = Math.min(LONGEST_PEER, columns - 98);
  const widths = { owner, user: 8, parent: 0, container: 0, localPort: 6, peer, tail: 40 };
  return { ...widths, cut: true, isWide: true, symbols };
}

/** One column less than there are; beyond the narrowest of its kind the peer has the rest. */
function wide(symbols: Symbols, columns: number): Layout {
  const owner = symbols.ascii ? 17 : 18;
  const peer = NARROWEST_PEER + columns - WIDE;
  const widths = { owner, user: 8, parent: 14, container: 20, localPort: 6, peer, tail: 39 };
  return { ...widths, cut: true, isWide: true, symbols };
}

/** Whether the locale of this environment is one of UTF-8. */
export function isUtf8Locale(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale);
}
