import { addsUp } from '../support/mix.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';

serialUnlessHidden("10,000 connections of all kinds: the records add up to the kernel's counters, to one", (t) =>
  addsUp(t, 10_000),
);
