import { execFileSync } from 'node:child_process';
import test from 'ava';

test('wire.gen.ts is what bpf/wire.h says', (t) => {
  t.notThrows(() => execFileSync(process.execPath, ['scripts/generate-wire.ts', '--check'], { stdio: 'pipe' }));
});
