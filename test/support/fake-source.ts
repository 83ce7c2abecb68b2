/** A source whose batches the test gives, with names that stand in no file. */
import type { Sink, Source } from '../../src/capture/source.ts';
import { createContainerEnricher } from '../../src/enrich/container.ts';
import type { Container, Process } from '../../src/model.ts';

export interface FakeSource extends Source {
  give(batch: ArrayBuffer): void;
  /** Of its processes. */
  readonly containers: readonly Container[];
}

export function fakeSource(described: readonly Process[] = []): FakeSource {
  let sink: Sink | undefined;
  let time = 1_700_000_000_000_000_000n;
  const containers: Container[] = [];
  return {
    host: { id: 'secret-machine-id', name: 'secret-host', agentVersion: '1.2.3' },
    ownNetworkNamespace: 4026531840,
    reasons: { reset: ['zero', 'one'], drop: [] },
    files: undefined,
    now: () => time,
    describe(_pid, serial) {
      const found = described.find((process) => process.serial === serial);
      return found && { ...found };
    },
    identify: () => ({
      enrichers: [
        {
          name: 'user',
          enrich(process) {
            process.userName = process.userId === 0 ? 'root' : `secret-user-${process.userId}`;
          },
        },
        createContainerEnricher({ onContainer: (container) => containers.push(container) }),
      ],
      description: '',
      completePeer: () => undefined,
      pass: (records) => records,
      close: () => undefined,
    }),
    start(given) {
      sink = given;
      return 'watching a test';
    },
    counts: () => ({
      opened: 3,
      closed: 2,
      live: 1,
      lost: { ring_full: 0 },
      dropped: {},
      udp: { opened: 0, closed: 0, live: 0 },
      folded: 0,
    }),
    stop: async () => undefined,
    containers,
    give(batch) {
      time += 1_000_000n;
      sink?.onBatch(batch, batch.byteLength);
    },
  };
}
