/** `--filter` as an option: what is wrong with it is said by the filter itself. */
import type { Kind } from '../cli/kinds.ts';
import { FilterError, parseFilter } from './parse.ts';
import type { Test } from './terms.ts';

let last: { readonly text: string; readonly test: Test } | undefined;

export const filter: Kind<Test> = {
  type: 'value',
  placeholder: 'EXPR',
  expects: 'words such as proc=nginx port=443 rtt>50ms !user=root failed',
  parse(text) {
    // The same text is the same filter: whether it has changed can be seen (cli/reload.ts).
    if (text === last?.text) return last.test;
    const read = attempt(text);
    if (read instanceof FilterError) return undefined;
    last = { text, test: read };
    return read;
  },
  explain(text) {
    const read = attempt(text);
    return read instanceof FilterError ? read.message : '';
  },
};

function attempt(text: string): Test | FilterError {
  try {
    return parseFilter(text);
  } catch (error) {
    if (error instanceof FilterError) return error;
    throw error;
  }
}
