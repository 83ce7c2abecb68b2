/** A host as the live view's design has it: what there is to see at one moment. */
import pc from 'picocolors';
import type { Container, Pod, Process } from '../../src/model.ts';
import { firstState, type Snapshot, type State } from '../../src/top/state.ts';
import { topSymbols } from '../../src/top/symbols.ts';
import type { Row } from '../../src/top/table.ts';
import type { ViewStyle } from '../../src/top/view.ts';
import { makeProcess, makeRecord } from './otlp-records.ts';

const AT = Date.UTC(2026, 10, 24, 21, 14, 3);
const second = 1_000_000_000n;

interface Shape {
  readonly process: Process;
  readonly changes?: Parameters<typeof makeRecord>[1];
  readonly sent?: number;
  readonly received?: number;
  readonly ended?: Row['ended'];
}

let number = 0;

/** An established connection that is a minute old, unless `changes` say otherwise. */
export function makeRow({ process, changes, sent = 0, received = 0, ended = 'no' }: Shape): Row {
  number++;
  const startTime = BigInt(AT) * 1_000_000n - 60n * second;
  const live = { event: 'update', state: 'established', end: undefined, closeReason: undefined } as const;
  const { closeReason: _, ...record } = makeRecord(number, { ...live, startTime, process, ...changes } as object);
  return {
    record: { ...record, ...(changes?.closeReason && { closeReason: changes.closeReason }) },
    sent,
    received,
    ended,
  };
}

function pod(namespace: string, name: string): Pod {
  return { uid: name, details: { namespace, name } };
}

const redis: Container = { id: 'c'.repeat(64), runtime: 'docker', details: { runtime: 'docker', name: 'cache' } };

export function makeHost(): Row[] {
  number = 0;
  const nginx = makeProcess(1, { executableName: 'nginx', pid: 811, pod: pod('shop', 'edge-59b') });
  const checkout = makeProcess(2, { executableName: 'checkout', pid: 2143, pod: pod('shop', 'checkout-7d4f9c-x2') });
  const cache = makeProcess(3, { executableName: 'redis-server', pid: 95, container: redis });
  const dns = makeProcess(4, {
    executableName: 'coredns',
    pid: 96,
    pod: pod('kube-system', 'coredns-5d78c9869d-abcde'),
  });
  const curl = makeProcess(5, { executableName: 'curl', pid: 30197 });
  const server = { role: 'server', localPort: 443, peerPort: 51234 } as const;
  return [
    ...Array.from({ length: 40 }, (_, index) =>
      makeRow({
        process: nginx,
        sent: 220_000,
        received: 27_500,
        changes: {
          ...server,
          peerAddress: `198.51.100.${index}`,
          smoothedRtt: 0.021,
          minRtt: 0.019,
          retransmits: index === 7 ? 11 : 0,
        },
      }),
    ),
    makeRow({
      process: checkout,
      sent: 201_000,
      received: 1_200_000,
      changes: { peerName: 'payments.shop.svc', peerPort: 443, smoothedRtt: 0.0009 },
    }),
    makeRow({
      process: checkout,
      sent: 208_000,
      received: 690_000,
      changes: { peerName: 'pg-0.db', smoothedRtt: 0.0084, minRtt: 0.001, retransmits: 3 },
    }),
    makeRow({
      process: checkout,
      ended: 'now',
      changes: {
        event: 'failed',
        peerAddress: '203.0.113.9',
        peerPort: 443,
        errorType: 'timed_out',
        closeReason: 'timeout',
        smoothedRtt: undefined,
        minRtt: undefined,
      } as object,
    }),
    makeRow({
      process: cache,
      sent: 1_200_000,
      received: 31_000,
      changes: { ...server, localPort: 6379, peerAddress: '10.0.0.5', smoothedRtt: 0.0001, minRtt: 0.00008 },
    }),
    makeRow({
      process: dns,
      sent: 91_000,
      received: 48_000,
      changes: {
        ...server,
        transport: 'udp',
        state: '',
        localPort: 53,
        peerAddress: '2001:db8:1:2:3:4:5:6',
        networkType: 'ipv6',
        smoothedRtt: undefined,
        minRtt: undefined,
      },
    }),
    makeRow({
      process: curl,
      ended: 'now',
      changes: {
        event: 'close',
        peerName: 'example.com',
        peerPort: 443,
        closeReason: 'fin_local',
        smoothedRtt: 0.0002,
      },
    }),
    makeRow({
      process: curl,
      ended: 'earlier',
      changes: { event: 'close', peerName: 'example.org', peerPort: 443, closeReason: 'fin_local' },
    }),
  ];
}

export function makeSnapshot(rows: readonly Row[] = makeHost(), changes: Partial<Snapshot> = {}): Snapshot {
  const failed = rows.filter(({ record }) => record.event === 'failed');
  return {
    at: AT,
    rows,
    failing: failed.map(({ record }) => ({ record, why: record.errorType ?? '_OTHER', count: 38 })),
    totals: {
      open: 1842,
      opened: 312,
      closed: 309,
      failed: 4,
      retransmitted: 0.002,
      lost: 0,
      lostMostly: undefined,
      isBalanced: true,
    },
    ...changes,
  };
}

export function makeState(changes: Partial<State> = {}): State {
  const order = { by: 'rate', isReversed: false } as const;
  return { ...firstState({ grouping: 'process', order, filterText: '', filter: undefined }), ...changes };
}

export function makeStyle({ isUtf8 = true, colors = false } = {}): ViewStyle {
  return { symbols: topSymbols(isUtf8), colors: pc.createColors(colors), hostName: 'node-7', interval: 1000 };
}
