/** Records for tests and benches of the exporters: plausible ones, and a varied set that holds every odd case. */

import type { Host } from '../../src/export/semconv.ts';
import type { ConnectionEvent, ConnectionRecord, Process, Workload } from '../../src/model.ts';

export const host: Host = { id: '0123456789abcdef0123456789abcdef', name: 'wolke', agentVersion: '1.2.3' };

export const ownNetworkNamespace = 4026531840;

const BEGIN = 1_795_560_264_123_456_789n;

export function makeProcess(serial: number, changes: Partial<Process> = {}): Process {
  return {
    serial,
    pid: 1000 + serial,
    startTime: BEGIN - 5_000_000_000n,
    executablePath: `/usr/bin/worker${serial}`,
    executableName: `worker${serial}`,
    parentPid: 1,
    parentExecutablePath: '/usr/lib/systemd/systemd',
    parentExecutableName: 'systemd',
    userId: 33,
    groupId: 33,
    parentUserId: 0,
    namespacePid: 7,
    cgroups: ['/system.slice/worker.service'],
    userName: 'www-data',
    groupName: 'www-data',
    parentUserName: 'root',
    ...changes,
  };
}

/** A closed client connection; `number` makes its id, ports and times its own. */
export function makeRecord(number: number, changes: Partial<ConnectionRecord> = {}): ConnectionRecord {
  const startTime = BEGIN + BigInt(number) * 1_000_003n;
  return {
    event: 'close',
    time: startTime + 12_345_678n,
    startTime,
    id: (0xfeed000000000000n + BigInt(number)).toString(16),
    cookie: BigInt(number + 1),
    transport: 'tcp',
    networkType: 'ipv4',
    role: 'client',
    localAddress: '192.168.17.23',
    localPort: 32768 + (number % 28000),
    peerAddress: '10.96.0.114',
    peerPort: 5432,
    preExisting: false,
    state: 'last_ack',
    networkNamespace: ownNetworkNamespace,
    attribution: 'open',
    process: undefined,
    sentBytes: 512 + number,
    receivedBytes: 70_000 + number,
    sentPackets: 12,
    receivedPackets: 55,
    retransmits: 0,
    lostSegments: 0,
    reordering: 3,
    handshakeDuration: 0.000234567,
    smoothedRtt: 0.000301,
    minRtt: 0.00021,
    rttVariation: 0.000042,
    busyTime: 0.0041,
    receiveWindowLimitedTime: 0,
    sendBufferLimitedTime: 0.0005,
    end: undefined,
    closeReason: 'fin_local',
    ...changes,
  };
}

const events: readonly ConnectionEvent[] = ['open', 'update', 'close', 'failed', 'retransmit', 'reset', 'drop'];

const everyWorkload: Workload = {
  deployment: 'd',
  replicaset: 'r',
  statefulset: 's',
  daemonset: 'größe',
  job: 'j',
  cronjob: 'c',
};

/** 200 records of nine processes (one of them unknown): every event, role and family, and what is rare. */
export function makeVariedRecords(): ConnectionRecord[] {
  const processes = [
    undefined,
    makeProcess(1, { systemdUnit: 'worker.service', commandArgs: ['worker', '--größe', '', 'a b'] }),
    makeProcess(2, { executablePath: undefined, executableName: 'kworker/0:1' }),
    makeProcess(3, { executablePath: '/opt/größe/日本語 🚀', executableName: '日本語 🚀' }),
    makeProcess(4, { executablePath: '/tmp/\ud800broken\udfff', executableName: '\ud800broken\udfff' }),
    makeProcess(5, { executablePath: `/${'deep/'.repeat(800)}end`, executableName: 'end' }),
    makeProcess(6, {
      container: {
        id: '5f'.repeat(32),
        runtime: 'docker',
        details: {
          runtime: 'docker',
          name: 'shop-größe',
          imageName: 'registry.local:5000/shop/web',
          imageTags: ['1.2', 'latest'],
          composeProject: 'shop',
          composeService: 'web',
          podContainerName: 'web',
        },
      },
      pod: { uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab', details: { name: 'web-0', namespace: 'shop' } },
      parentExecutablePath: undefined,
      parentExecutableName: undefined,
    }),
    makeProcess(8, {
      container: {
        id: '6f'.repeat(32),
        runtime: 'containerd',
        kubernetes: { name: 'größe', imageName: 'registry.local:5000/shop/api', imageTags: ['2.0'] },
      },
      pod: {
        uid: 'f'.repeat(32),
        kubernetes: {
          uid: '2f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
          name: 'api-0',
          namespace: 'shop',
          node: 'node-7',
          workload: everyWorkload,
          serviceName: 'api',
          serviceNamespace: 'shop',
          labels: new Map([['team', 'größe']]),
          annotations: new Map([['note', 'x']]),
        },
      },
    }),
    makeProcess(7, { startTime: 0n, executableName: '' }),
  ];
  return Array.from({ length: 200 }, (_, number) =>
    makeRecord(number, { process: processes[number % 9], ...oddities[number % oddities.length] }),
  ).map((record, number) => ({ ...record, event: eventOf(number) }));
}

/** Each oddity meets each event, however many there are. */
function eventOf(number: number): ConnectionEvent {
  return events[(number + Math.floor(number / oddities.length)) % events.length] as ConnectionEvent;
}

const ipv6 = { networkType: 'ipv6', localAddress: '2001:db8::17', peerAddress: 'fe80::1ff:fe23:4567:890a' } as const;

const inContainer = { id: '7f'.repeat(32), runtime: 'podman', details: { runtime: 'podman', name: 'db' } } as const;
const inPod = { uid: '7'.repeat(32), details: { name: 'db-0', namespace: 'shop' } };

const oddities: readonly Partial<ConnectionRecord>[] = [
  {},
  { end: { error: 0, established: true, dialled: true, attempt: false, late: true } },
  { ...ipv6, role: 'server', handshakeDuration: undefined },
  { interfaceName: 'eth0', errorType: 'connection_refused', closeReason: 'refused', smoothedRtt: undefined },
  { errorType: 'connection_reset', closeReason: 'reset_remote' },
  { role: 'unknown', preExisting: true, attribution: 'snapshot', networkNamespace: 4026532999 },
  { ...ipv6, role: 'unknown', state: 'fin_wait1' },
  { sentBytes: Number.MAX_SAFE_INTEGER, receivedBytes: 2 ** 53, sentPackets: 2 ** 32, receivedPackets: 2 ** 31 },
  { sentBytes: 0, receivedBytes: 127, sentPackets: 128, receivedPackets: 16384, reordering: 268435456 },
  { deltas: { sentBytes: 1, receivedBytes: 300, sentPackets: 70_000, receivedPackets: 0 } },
  {
    transport: 'udp',
    attribution: 'use',
    closeReason: 'idle',
    lastTime: BEGIN + 9_000_000_000n,
    natOriginal: { address: '10.96.0.10', port: 53 },
    protocolName: 'quic',
  },
  { transport: 'udp', role: 'unknown', localAddress: '', peerAddress: '', peerPort: 0, closeReason: 'closed' },
  { state: 'größe', attribution: 'none', mptcpId: 'abcdef0123456789', retransmittedSequence: 4_294_967_295 },
  { event: 'retransmit', retransmittedSequence: 1, retransmittedSegments: 44 },
  { event: 'drop', drop: { direction: 'transmit', reason: 'netfilter_drop', segments: 3 } },
  {
    event: 'drop',
    state: 'listen',
    peerAddress: '',
    peerPort: 0,
    role: 'server',
    drop: { direction: 'receive', reason: 'listen_queue', segments: 1 },
  },
  { reset: { direction: 'transmit', reason: 'tcp_abort_on_close', segments: 40_000 } },
  { peerProcess: makeProcess(9, { executableName: 'größe-日本語', container: inContainer, pod: inPod }) },
  { ...ipv6, place: { network: 'corp', country: 'DE', asNumber: 64_496, asOrganization: 'Größe AG' } },
  { clusterPeer: { kind: 'pod', name: 'db-0', namespace: 'shop', workload: everyWorkload } },
  { clusterPeer: { kind: 'service', name: 'größe', namespace: 'shop' } },
  { clusterPeer: { kind: 'node', name: 'node-8' } },
  { place: { continent: 'EU', country: 'GB', region: 'GB-ENG', city: 'London' } },
  {
    reset: { direction: 'receive', reason: undefined, segments: 1 },
    details: {
      congestionWindow: 10,
      mss: 1448,
      unsent: 1,
      unacknowledged: 2_896,
      outOfOrder: 0,
      sendWindow: 0,
      deliveryRate: 2 ** 40,
    },
  },
];
