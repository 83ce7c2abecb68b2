/** Who is compared: sockflow in its two usual forms, and what any Debian has for the purpose. */
import { allEvents, newConnections } from './peers/conntrack.ts';
import { subjectOf } from './peers/peer.ts';
import { pmacctd } from './peers/pmacctd.ts';
import { tcpdump } from './peers/tcpdump.ts';
import { tcplife } from './peers/tcplife.ts';
import { toCollector, toDevNull } from './sockflow.ts';
import type { Subject } from './subject.ts';

const peers = [tcplife, allEvents, newConnections, pmacctd, tcpdump].map(subjectOf);

export const subjects: readonly Subject[] = [toDevNull, toCollector, ...peers];
