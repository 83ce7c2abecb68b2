/** The npm package as it would be published, installed in a directory of the test's. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '../..');

/** Compiles and packs the checkout; `directory` then has a node_modules with it and what it depends on. */
export function installPackage(directory: string): void {
  execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: CHECKOUT, stdio: 'inherit' });
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: CHECKOUT, encoding: 'utf8' }));
  const installed = join(directory, 'node_modules/sockflow');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(directory, filename), '-C', installed, '--strip-components=1']);
  // Not made anew for a test: what was built here is looked for first.
  mkdirSync(join(installed, 'build'), { recursive: true });
  for (const name of ['sockflow.node', 'sockflow-privileged'])
    copyFileSync(join(CHECKOUT, 'build', name), join(installed, 'build', name));
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) link(directory, name);
}

function link(directory: string, name: string): void {
  const path = join(directory, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(CHECKOUT, 'node_modules', name), path);
}
