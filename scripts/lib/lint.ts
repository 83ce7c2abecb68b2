/** The lint tools. Each is one check, whatever it finds. */

import { globSync } from 'node:fs';

export interface LintTool {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export function lintTools(root: string): readonly LintTool[] {
  return [
    { name: 'biome', command: ['biome', 'check', '--error-on-warnings'] },
    // What has not changed since the last time is not checked again.
    {
      name: 'tsc',
      command: ['tsc', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/tests/tsc.tsbuildinfo'],
    },
    { name: 'knip', command: ['knip', '--no-progress'] },
    { name: 'clang-format', command: ['clang-format', '--dry-run', '--Werror', ...findCFiles(root)] },
  ];
}

/** What a person wrote: build output and generated headers follow the tools that make them. */
export function findCFiles(root: string): string[] {
  const files = globSync('{bpf,native,test,bench,examples}/**/*.{c,cc,h}', { cwd: root });
  return files.filter((file) => !/(^|\/)(build|node_modules)\/|\.(gen|skel)\.h$/.test(file)).sort();
}
