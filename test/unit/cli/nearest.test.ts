import test from 'ava';
import { nearest } from '../../../src/cli/nearest.ts';

const names = ['otlp-endpoint', 'otlp-timeout', 'duration', 'tcp', 'close', 'format'];

for (const [typed, meant] of [
  ['otlp-endpont', 'otlp-endpoint'],
  ['fromat', 'format'],
  ['tpc', 'tcp'],
  ['clsoe', 'close'],
  ['dur', 'duration'],
] as const) {
  test(`${typed} is taken for ${meant}`, (t) => {
    t.is(nearest(typed, names), meant);
  });
}

for (const typed of ['', 'x', 'otlp', 'zmq', 'x'.repeat(10_000)]) {
  test(`nothing is near ${typed.slice(0, 20) || 'nothing'}`, (t) => {
    t.is(nearest(typed, names), undefined);
  });
}
