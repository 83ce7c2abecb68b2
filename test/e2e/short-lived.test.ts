import { serialUnlessHidden } from '../support/hidden.ts';
import { areAllKnown } from '../support/mayflies.ts';

serialUnlessHidden('300 processes that are gone a moment later are all known by program, parent and user', (t) =>
  areAllKnown(t, 300),
);
