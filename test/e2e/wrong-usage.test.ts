/**
 * What is wrong when the program begins, and some of what is wrong with its words: all of these are in
 * test/unit/cli/wrong-usage.test.ts, and, as the program says them, in test/integration/wrong-usage.test.ts.
 */
import { wrongAtStart, wrongWords } from '../support/wrong-usage.ts';
import { areRefused } from '../support/wrong-usage-program.ts';

areRefused([...wrongAtStart, ...wrongWords.filter((_, index) => index % 10 === 0)]);
