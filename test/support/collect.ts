/** A source to its end, through the same decoder and enrichers as in the pipeline. */
import { createDecoder } from '../../src/capture/decode.ts';
import type { Source } from '../../src/capture/source.ts';
import { createEnrichment } from '../../src/enrich/index.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord } from '../../src/model.ts';

export interface Collected {
  readonly records: ConnectionRecord[];
  readonly ledger: Ledger;
  /** Resolves when the source says that it is over. */
  readonly ended: Promise<void>;
}

export function collect(source: Source): Collected {
  const ledger = new Ledger();
  const records: ConnectionRecord[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const identity = source.identify((waited) => records.push(...waited));
  const decoder = createDecoder({
    ledger,
    onProcess: createEnrichment(identity.enrichers, ledger),
    describe: source.describe,
    reasons: source.reasons,
  });
  source.start({
    onBatch: (buffer, length) => records.push(...identity.pass(decoder.decode(buffer, length))),
    onEnd: resolve,
    isBusy: () => false,
    isMakingRoom: () => false,
  });
  return { records, ledger, ended };
}
