import test from 'ava';
import { areAllKnown } from '../support/mayflies.ts';

test.serial('300 processes that are gone a moment later are all known by program, parent and user', (t) =>
  areAllKnown(t, 300),
);
