import { crowdIsTold } from '../support/crowd-records.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';

serialUnlessHidden(
  '100,000 live sockets: each that moves has its update, each that ends its record, and nothing is told twice',
  (t) => crowdIsTold(t, 100_000),
);
