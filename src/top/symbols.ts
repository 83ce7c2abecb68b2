/** What is drawn that is no text; of ASCII where the locale is not UTF-8. */
import { createLayout, type Symbols } from '../export/text/layout.ts';

export interface TopSymbols extends Symbols {
  readonly cursor: string;
  readonly folded: string;
  readonly unfolded: string;
  readonly child: string;
  readonly lastChild: string;
  readonly dot: string;
  readonly none: string;
  readonly times: string;
  readonly minus: string;
  readonly sum: string;
  readonly balanced: string;
  readonly unbalanced: string;
  /** Of keys. */
  readonly upDown: string;
  readonly enter: string;
}

const unicode = {
  cursor: '▌',
  folded: '▸',
  unfolded: '▾',
  child: '├',
  lastChild: '└',
  dot: '·',
  none: '–',
  times: '×',
  minus: '−',
  sum: 'Σ',
  balanced: '✓',
  unbalanced: '✗',
  upDown: '↑↓',
  enter: '⏎',
};

const plain = {
  cursor: '>',
  folded: '+',
  unfolded: '-',
  child: '|',
  lastChild: '`',
  dot: '|',
  none: '-',
  times: 'x',
  minus: '-',
  sum: '',
  balanced: 'ok',
  unbalanced: '!!',
  upDown: 'arrows',
  enter: 'enter',
};

export function topSymbols(isUtf8: boolean): TopSymbols {
  return { ...createLayout(undefined, isUtf8).symbols, ...(isUtf8 ? unicode : plain) };
}
