/**
 * Millions of damaged DNS messages through the parser: `node bench/fuzz/dns.ts [INPUTS] [SEED]`. Ends with 1 and the input
 * when one of them makes it throw or say what cannot be.
 */
import { fuzzMessages } from '../../test/support/dns-fuzz.ts';

const inputs = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const begin = performance.now();
const understood = fuzzMessages(inputs, seed);
const seconds = (performance.now() - begin) / 1000;
console.log(`${inputs} inputs (seed ${seed}), ${understood} of them messages, in ${seconds.toFixed(1)} s`);
