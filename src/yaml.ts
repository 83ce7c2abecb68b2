/** The parser of YAML, loaded when a file is read: its seventy modules would take a fifth of every other start. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const yaml = (): typeof import('yaml') => require('yaml');
