/** What a virtual machine runs: the agent as it is published, and the workloads, compiled for it. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { built, builtForArm64 } from './compile.ts';
import { arm64, type Machine, x64 } from './virtual-machine.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const WORKLOADS = ['attempts', 'lives', 'sockets', 'tcp-client', 'tcp-server'].map(
  (name) => `test/workloads/${name}.c`,
);

export type Guest = Pick<Machine, 'platform' | 'sockflow' | 'programs'>;

/** Below `directory`: what runs here, too. */
export function guestLikeHost(directory: string): Guest {
  const sockflow = layOut(join(directory, 'agent'), ['build', 'node_modules']);
  const [programs = ''] = WORKLOADS.map((source) => dirname(built(source)));
  return { platform: x64, sockflow, programs };
}

/** The packages of the checkout, but without their Node. */
export function guestForArm64(directory: string): Guest {
  execFileSync(join(CHECKOUT, 'scripts/prebuild'), ['arm64'], { stdio: 'pipe' });
  const root = join(directory, 'agent-arm64');
  if (!existsSync(root)) {
    const modules = readdirSync(join(CHECKOUT, 'node_modules')).filter((name) => !name.startsWith('.'));
    layOut(root, ['prebuilds', ...modules.map((name) => join('node_modules', name))]);
  }
  const [programs = ''] = WORKLOADS.map((source) => dirname(builtForArm64(source)));
  return { platform: arm64(), sockflow: join(root, 'bin/sockflow'), programs };
}

/**
 * The agent as JavaScript, as it is published: to remove types takes longer than all else where a processor is emulated. `links`:
 * what it needs of the checkout. They are relative, since a guest may see the host's root in another place.
 */
function layOut(root: string, links: readonly string[]): string {
  execFileSync('tsc', ['-p', 'tsconfig.build.json', '--outDir', join(root, 'dist')], { cwd: CHECKOUT });
  for (const name of ['bin', 'package.json']) cpSync(join(CHECKOUT, name), join(root, name), { recursive: true });
  for (const name of links) link(join(CHECKOUT, name), join(root, name));
  return join(root, 'bin/sockflow');
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(relative(dirname(path), target), path);
}
