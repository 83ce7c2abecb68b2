/** YAML, loaded when some is read or written: its seventy modules take 35 ms, which every other start does without. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const yaml = (): typeof import('yaml') => require('yaml');
