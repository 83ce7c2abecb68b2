import { execFileSync } from 'node:child_process';
import test from 'ava';

test('the Helm chart takes exactly the options that there are', (t) => {
  t.notThrows(() => execFileSync(process.execPath, ['scripts/generate-chart.ts', '--check'], { stdio: 'pipe' }));
});
