/** Every sentence for what is wrong with a command line, as the program itself says it. */
import { wrongWords } from '../support/wrong-usage.ts';
import { areRefused } from '../support/wrong-usage-program.ts';

areRefused(wrongWords);
