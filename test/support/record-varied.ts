/** A recording that needs no kernel. */
import { Ledger } from '../../src/ledger.ts';
import { recordSource } from '../../src/recording/recorder.ts';
import { batch, connectionBytes, interfaceBytes, pathPart, processBytes } from './batch.ts';
import { collect } from './collect.ts';
import { fakeSource } from './fake-source.ts';

/** Both families, both roles, a failure, a number beyond 2^53, names that need escapes. */
export async function recordVaried(file: string): Promise<void> {
  const source = fakeSource();
  const log = { warn: () => undefined };
  const recorded = recordSource(source, { file, anonymize: false, commandArgs: false, ledger: new Ledger(), log });
  collect(recorded);
  const ipv6 = {
    family: 6,
    localAddress: [0xfe, 0x80, ...Array(13).fill(0), 1],
    peerAddress: [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 2],
  };
  const owned = {
    pid: 70,
    process: 7,
    netns: 4026531840,
    interface: 5,
    attribution: 2,
    startNs: 1_700_000_000_000_000_000n,
  };
  source.give(
    batch(
      processBytes({
        serial: 7,
        pid: 70,
        userId: 1001,
        name: 'caddy',
        parts: [
          pathPart('/opt/a "b"\\ ü\u{1f680}\t/caddy'),
          pathPart('/usr/bin/bash'),
          pathPart(`/docker/${'ab12'.repeat(16)}`),
        ],
      }),
      interfaceBytes(4026531840, 5, 'eth0'),
      connectionBytes({
        ...owned,
        ...{
          timeNs: 1_700_000_000_123_456_789n,
          cookie: 1,
          role: 1,
          state: 4,
          flags: 9,
          rttUs: 1500,
          handshakeUs: 2500,
        },
        ...{ localAddress: [10, 0, 0, 1], localPort: 40_000, peerAddress: [192, 0, 2, 9], peerPort: 443 },
        ...{ sentBytes: 5n, receivedBytes: 2n ** 60n },
      }),
      connectionBytes({
        ...owned,
        ...ipv6,
        ...{
          timeNs: 1_700_000_001_000_000_001n,
          cookie: 2,
          role: 2,
          localPort: 8080,
          peerPort: 50_000,
          state: 1,
          flags: 1,
        },
      }),
      connectionBytes({
        ...ipv6,
        ...{
          timeNs: 1_700_000_002_000_000_000n,
          cookie: 3,
          role: 1,
          localPort: 1,
          peerPort: 2,
          state: 2,
          flags: 8,
          error: 111,
        },
      }),
    ),
  );
  await recorded.stop();
}
