// Ends with 0 when node_modules holds what package-lock.json asks for, however it was installed. JavaScript, since the
// Node that begins a set-up may be too old to run TypeScript.

import { existsSync, readFileSync } from 'node:fs';

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {});
const { '': _project, ...wanted } = read('package-lock.json');
// npm's own note of what it installed.
const installed = read('node_modules/.package-lock.json');

/** An optional package is one for another kind of machine, where it is not installed. */
function isCurrent([path, { version, integrity, optional }]) {
  const found = installed[path];
  if (!found) return Boolean(optional);
  return found.version === version && found.integrity === integrity && existsSync(path);
}

const current = Object.entries(wanted).every(isCurrent) && Object.keys(installed).every((path) => path in wanted);
process.exitCode = current ? 0 : 1;
