import test from 'ava';
import { addsUp } from '../support/mix.ts';

test.serial("10,000 connections of all kinds: the records add up to the kernel's counters, to one", (t) =>
  addsUp(t, 10_000),
);
