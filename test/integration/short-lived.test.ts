import { areAllKnown } from '../support/mayflies.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';

serialUnlessHidden('2,000 processes that are gone a moment later are all known by program, parent and user', (t) =>
  areAllKnown(t, 2_000),
);
