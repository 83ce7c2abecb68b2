/**
 * What the programs of Debian 12 printed of connections, two of them to port 43951. Where the same port is also that of a client,
 * only conntrack can tell.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { allEvents } from '../../../bench/lib/peers/conntrack.ts';
import type { Peer } from '../../../bench/lib/peers/peer.ts';
import { pmacctd } from '../../../bench/lib/peers/pmacctd.ts';
import { tcpdump } from '../../../bench/lib/peers/tcpdump.ts';
import { tcplife } from '../../../bench/lib/peers/tcplife.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const SERVER = 43951;

function counts(peer: Peer, what: string, text: string, records: number): void {
  test(`${peer.name}: ${what}`, async (t) => {
    const file = join(temporaryDirectory(t), 'out');
    writeFileSync(file, text.trimStart());
    t.deepEqual(await peer.count(file, SERVER), { records, connections: 2 });
    t.deepEqual(await peer.count(file, 4395), { records: 0, connections: 0 }, 'a part of the number is not the port');
  });
}

counts(
  tcplife,
  'a line for each end; names have spaces',
  `
PID     COMM             LADDR           LPORT RADDR           RPORT TX_KB  RX_KB  MS
773     a name 43951     127.0.0.1       42616 127.0.0.1       43951 0.01   0.00   2.36
773     python3          127.0.0.1       43951 127.0.0.1       42616 0.00   0.01   2.36
773     python3          127.0.0.1       42622 127.0.0.1       43951 0.01   0.00   0.21
773     python3          127.0.0.1       43951 127.0.0.1       42622 0.00   0.01   0.22
773     python3          127.0.0.1       47330 127.0.0.1       43953 0.00   0.00   0.16
`,
  4,
);

counts(
  allEvents,
  'the begin of each; not where the server is the client of another one',
  `
    [NEW] tcp      6 120 SYN_SENT src=127.0.0.1 dst=127.0.0.1 sport=42616 dport=43951 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=42616
 [UPDATE] tcp      6 432000 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=42616 dport=43951 src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=42616 [ASSURED]
 [UPDATE] tcp      6 120 TIME_WAIT src=127.0.0.1 dst=127.0.0.1 sport=42616 dport=43951 src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=42616 [ASSURED]
    [NEW] tcp      6 120 SYN_SENT src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=43952 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=43952 dport=43951
 [UPDATE] tcp      6 60 SYN_RECV src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=43952 src=127.0.0.1 dst=127.0.0.1 sport=43952 dport=43951
    [NEW] tcp      6 120 SYN_SENT src=127.0.0.1 dst=127.0.0.1 sport=42622 dport=43951 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=42622
 [UPDATE] tcp      6 120 TIME_WAIT src=127.0.0.1 dst=127.0.0.1 sport=42622 dport=43951 src=127.0.0.1 dst=127.0.0.1 sport=43951 dport=42622 [ASSURED]
    [NEW] tcp      6 120 SYN_SENT src=127.0.0.1 dst=127.0.0.1 sport=47330 dport=43953 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=43953 dport=47330
[DESTROY] tcp      6 120 CLOSE src=127.0.0.1 dst=127.0.0.1 sport=47330 dport=43953 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=43953 dport=47330
`,
  5,
);

counts(
  pmacctd,
  'a connection of two periods is one',
  `
SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,PACKETS,BYTES
127.0.0.1,127.0.0.1,42616,43951,tcp,6,330
127.0.0.1,127.0.0.1,43951,42616,tcp,4,217
127.0.0.1,127.0.0.1,42622,43951,tcp,6,330
127.0.0.1,127.0.0.1,43951,42622,tcp,4,217
127.0.0.1,127.0.0.1,47330,43953,tcp,1,60
127.0.0.1,127.0.0.1,43953,47330,tcp,1,40
127.0.0.1,127.0.0.1,42616,43951,tcp,1,52
`,
  5,
);

counts(
  tcpdump,
  'a SYN that was sent twice is one connection',
  `
02:57:10.533370 IP 127.0.0.1.42616 > 127.0.0.1.43951: Flags [S], seq 415969281, win 65495, options [mss 65495,sackOK,TS val 1756621059 ecr 0,nop,wscale 10], length 0
02:57:10.533370 IP 127.0.0.1.42616 > 127.0.0.1.43951: Flags [S], seq 415969281, win 65495, options [mss 65495,sackOK,TS val 1756621059 ecr 0,nop,wscale 10], length 0
02:57:10.533403 IP 127.0.0.1.43951 > 127.0.0.1.42616: Flags [S.], seq 2026524460, ack 415969282, win 65483, options [mss 65495,sackOK,TS val 2088177881 ecr 1756621059,nop,wscale 10], length 0
02:57:10.535665 IP 127.0.0.1.42616 > 127.0.0.1.43951: Flags [F.], seq 11, ack 2, win 64, options [nop,nop,TS val 1756621062 ecr 2088177883], length 0
02:57:10.535748 IP 127.0.0.1.43951 > 127.0.0.1.42616: Flags [F.], seq 2, ack 12, win 64, options [nop,nop,TS val 2088177883 ecr 1756621062], length 0
02:57:10.536030 IP 127.0.0.1.43951 > 127.0.0.1.43952: Flags [S], seq 2801849290, win 65495, options [mss 65495,sackOK,TS val 1136437572 ecr 0,nop,wscale 10], length 0
02:57:10.536052 IP 127.0.0.1.43952 > 127.0.0.1.43951: Flags [S.], seq 2371560185, ack 2801849291, win 65483, options [mss 65495,sackOK,TS val 1573315301 ecr 1136437572,nop,wscale 10], length 0
02:57:10.536242 IP 127.0.0.1.43951 > 127.0.0.1.43952: Flags [F.], seq 11, ack 2, win 64, options [nop,nop,TS val 1136437572 ecr 1573315301], length 0
02:57:10.536285 IP 127.0.0.1.43952 > 127.0.0.1.43951: Flags [F.], seq 2, ack 12, win 64, options [nop,nop,TS val 1573315301 ecr 1136437572], length 0
02:57:10.536438 IP 127.0.0.1.42622 > 127.0.0.1.43951: Flags [S], seq 3460927128, win 65495, options [mss 65495,sackOK,TS val 1158664425 ecr 0,nop,wscale 10], length 0
02:57:10.536458 IP 127.0.0.1.43951 > 127.0.0.1.42622: Flags [S.], seq 4108976867, ack 3460927129, win 65483, options [mss 65495,sackOK,TS val 226593909 ecr 1158664425,nop,wscale 10], length 0
02:57:10.536628 IP 127.0.0.1.42622 > 127.0.0.1.43951: Flags [F.], seq 11, ack 2, win 64, options [nop,nop,TS val 1158664425 ecr 226593909], length 0
02:57:10.536665 IP 127.0.0.1.43951 > 127.0.0.1.42622: Flags [F.], seq 2, ack 12, win 64, options [nop,nop,TS val 226593909 ecr 1158664425], length 0
02:57:10.548523 IP 127.0.0.1.47330 > 127.0.0.1.43953: Flags [S], seq 186792495, win 65495, options [mss 65495,sackOK,TS val 2382761571 ecr 0,nop,wscale 10], length 0
02:57:10.548555 IP 127.0.0.1.43953 > 127.0.0.1.47330: Flags [R.], seq 0, ack 186792496, win 0, length 0
`,
  13,
);

test('what was lost is the sum of what was said, 0 when nothing was', (t) => {
  const said = 'lost 12 events on CPU #1\nlost 30 events on CPU #0\n';
  t.deepEqual(tcplife.saidLosses?.(said), { count: 42, unit: 'events' });
  t.deepEqual(tcplife.saidLosses?.(''), { count: 0, unit: 'events' });
  const summary = '62 packets captured\n160000 packets received by filter\n119686 packets dropped by kernel\n';
  t.deepEqual(tcpdump.saidLosses?.(summary), { count: 119_686, unit: 'packets' });
  t.is(tcpdump.saidLosses?.('listening on lo'), undefined);
});
