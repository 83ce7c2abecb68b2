import { areAllKnown } from '../support/mayflies.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';

serialUnlessHidden('300 processes that are gone a moment later are all known by program, parent and user', (t) =>
  areAllKnown(t, 300),
);
