/**
 * What the pipeline carries. `capture` makes these objects, `correlate` and `enrich` complete them, `export` only reads
 * them. Times are UNIX nanoseconds (bigint), durations are seconds, sizes are bytes unless a name says otherwise.
 */
import type { ClusterPeer, Process } from './identity.ts';

export type {
  ClusterPeer,
  Container,
  ContainerDetails,
  KubernetesContainer,
  KubernetesPod,
  Pod,
  PodDetails,
  Process,
  Workload,
} from './identity.ts';

/** Of a connection. */
export type ConnectionEvent = 'open' | 'update' | 'close' | 'failed' | 'retransmit' | 'reset' | 'drop';
export type EventName = ConnectionEvent | 'dns';
export type Transport = 'tcp' | 'udp';
export type Role = 'client' | 'server' | 'unknown';

/** Where the owner of a connection was learnt; see docs/decisions/0002-owner.md. */
export type Attribution = 'open' | 'listener' | 'use' | 'release' | 'snapshot' | 'none';

export type CloseReason =
  | 'fin_local'
  | 'fin_remote'
  | 'reset_local'
  | 'reset_remote'
  | 'timeout'
  | 'refused'
  | 'unreachable'
  | 'cancelled'
  | 'closed'
  | 'idle'
  | 'agent_stop';

/** `error.type` of a connection; absent on success. */
export type ErrorType =
  | 'connection_refused'
  | 'timed_out'
  | 'host_unreachable'
  | 'network_unreachable'
  | 'address_not_available'
  | 'address_in_use'
  | 'permission_denied'
  | 'connection_reset'
  | 'connection_aborted'
  | '_OTHER';

/** What is known of a peer's address beyond the address. */
export interface Place {
  /** The user's name for its network (`--cidr-name`). */
  readonly network?: string | undefined;
  // From the user's files (`--geoip`), for public addresses:
  readonly continent?: string;
  /** ISO 3166-1 alpha-2, and ISO 3166-2 of the part of the country. */
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  /** Autonomous system. */
  readonly asNumber?: number;
  readonly asOrganization?: string;
}

/** What the kernel's socket said when it reached CLOSE; correlate/outcome.ts makes close reason and error of it. */
export interface End {
  /** errno of the socket, 0 for none. */
  readonly error: number;
  /** The handshake had been completed. */
  readonly established: boolean;
  /** A SYN was sent, or the program gave up before. Else a connect without an error has found no local address. */
  readonly dialled: boolean;
  /** Found by looking at the table: when, and from which state, isn't known. */
  readonly late: boolean;
  /** No SYN was sent; the error is what the routing table says, 0 when it says nothing. */
  readonly attempt: boolean;
  /** UDP: why the conversation ended, which its socket does not tell. */
  readonly reason?: 'closed' | 'idle' | 'agent_stop';
}

/** More of tcp_sock, with `--tcp-details`; sizes in bytes. */
export interface TcpDetails {
  /** Segments. */
  readonly congestionWindow: number;
  readonly mss: number;
  /** Written by the process, and not sent yet; sent, and not acknowledged yet. */
  readonly unsent: number;
  readonly unacknowledged: number;
  /** Segments received ahead of their turn. */
  readonly outOfOrder: number;
  /** What the peer is ready to take; 0: its window is closed. */
  readonly sendWindow: number;
  /** Bytes a second, as last measured; 0: never. */
  readonly deliveryRate: number;
}

/**
 * One event of one connection. Counters are totals since the connection began.
 *
 * The decoders give all records all properties, in one order: what reads records is compiled for one shape of them then, not
 * for each mixture of what was completed and what was not.
 */
export interface ConnectionRecord {
  /** `close` until correlate/ finds that it was never established. */
  event: ConnectionEvent;
  /** When it happened. */
  readonly time: bigint;
  /** When the connection began: SYN sent (client), handshake complete (server), first datagram seen (UDP). */
  readonly startTime: bigint;
  /** UDP: last datagram. */
  readonly lastTime?: bigint | undefined;
  /** 16 hexadecimal digits; the same on both ends of a TCP connection. */
  readonly id: string;
  /** TCP: the kernel's socket cookie. UDP: a number of the conversation that no cookie has. Unique per end on this host. */
  readonly cookie: bigint;
  readonly transport: Transport;
  readonly networkType: 'ipv4' | 'ipv6';
  readonly role: Role;
  /** Empty, and the port 0, when a connect failed before the kernel had chosen them, and where many resets are not of one. */
  readonly localAddress: string;
  readonly localPort: number;
  /**
   * Where the packets go. Empty, and the port 0, for all peers that the table of UDP conversations had no room for, for
   * what a listener dropped, and for many resets of as many peers.
   */
  peerAddress: string;
  peerPort: number;
  /** What this end takes for its peer, when the address is translated on the way: for a client, what was dialled. */
  natOriginal?: { readonly address: string; readonly port: number } | undefined;
  /** Recognised by what was said, not by the port. */
  readonly protocolName?: 'quic' | undefined;
  /** Older than the agent, or begun when the table of connections was full. */
  readonly preExisting: boolean;
  /** TCP state, as `ss` spells it in lower case: established, syn_sent, fin_wait1 …; the state before the end on close. */
  readonly state: string;
  /** Inode number of the network namespace. */
  readonly networkNamespace: number;
  /** Of the network interface of its packets; undefined without a route, or when it had gone before it was asked for. */
  readonly interfaceName?: string | undefined;
  readonly attribution: Attribution;
  /** Who owns the socket; undefined when attribution is `none`. */
  process: Process | undefined;

  /** Payload, without retransmissions. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Segments (TCP) or datagrams (UDP). */
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly retransmits: number;
  /** Segments thought lost by the kernel at this moment. */
  readonly lostSegments: number;
  readonly reordering: number;
  /** Client: SYN to SYN-ACK, seconds. Undefined on the server side and when no handshake was completed or seen. */
  readonly handshakeDuration: number | undefined;
  /** Seconds; undefined when never measured. */
  readonly smoothedRtt: number | undefined;
  readonly minRtt: number | undefined;
  readonly rttVariation: number | undefined;
  /** Seconds with data in flight, and of these held up by the peer's window or by the send buffer. */
  readonly busyTime: number;
  readonly receiveWindowLimitedTime: number;
  readonly sendBufferLimitedTime: number;

  /** 16 hexadecimal digits, the same on all subflows of a Multipath TCP connection and on both its ends. */
  readonly mptcpId?: string | undefined;
  readonly details?: TcpDetails | undefined;
  /** Retransmit events: first byte of the segment, counted from the SYN; undefined of those that only the end told of. */
  readonly retransmittedSequence?: number | undefined;
  /** Retransmit events: how many segments were sent again at once. */
  readonly retransmittedSegments?: number | undefined;
  /**
   * Reset events. The kernel gives a reason for those that it sends, since 6.10. Answers to segments for no connection that came
   * too fast to be told one by one are several `segments` in one record, from startTime to time; what is not the same for
   * all of them, an address or a port, is empty or 0.
   */
  readonly reset?:
    | { readonly direction: 'transmit' | 'receive'; readonly reason: string | undefined; readonly segments: number }
    | undefined;

  /**
   * Drop events: segments that the kernel threw away, and why, by its own name. Those of a listener (state `listen`, no
   * peer) are what it had no room for since the last such event.
   */
  readonly drop?:
    | { readonly direction: 'transmit' | 'receive'; readonly reason: string; readonly segments: number }
    | undefined;

  /** Since the last of these records of this connection; close, failed and update only. */
  readonly deltas?:
    | { sentBytes: number; receivedBytes: number; sentPackets: number; receivedPackets: number }
    | undefined;

  /** Close and failed only. */
  readonly end: End | undefined;

  // Completed by correlate/ (close and failed only):
  closeReason?: CloseReason | undefined;
  errorType?: ErrorType | undefined;
  /** Completed by dns/: what was looked up to dial this peer, or what /etc/hosts says; of the client's end only. */
  peerName?: string | undefined;
  /** Completed by dns/, for spans: the look-up that this connection, the first that is told of, came of; of the client's end only. */
  lookup?: LookupRecord | undefined;
  /** Completed by enrich/: where the peer is. */
  place?: Place | undefined;
  /** Completed by enrich/: who it is in the cluster, with `--kubernetes-peers`. */
  clusterPeer?: ClusterPeer | undefined;
  /** Completed by correlate/: who is at the other end, when that is on this host and known. */
  peerProcess?: Process | undefined;
}

/** `error.type` of a look-up; absent on success. */
export type LookupError = 'nxdomain' | 'servfail' | 'refused' | 'formerr' | 'notimp' | 'timeout' | '_OTHER';

/** A look-up of a name, as it ended. */
export interface LookupRecord {
  readonly event: 'dns';
  /** When the answer came, or was given up. */
  readonly time: bigint;
  /** When it was asked. */
  readonly startTime: bigint;
  readonly transport: Transport;
  readonly networkType: 'ipv4' | 'ipv6';
  /** The server that was asked. */
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly networkNamespace: number;
  /** The kernel's socket cookie. */
  readonly cookie: bigint;
  /** Who asked. */
  readonly process: Process | undefined;
  /** Lower case, without the dot at the end. */
  readonly questionName: string;
  /** A, AAAA …; TYPE64 for one without a name. */
  readonly questionType: string;
  readonly errorType: LookupError | undefined;
}

/** Where records go. One file each in export/, listed in export/index.ts. */
export interface Exporter {
  readonly name: string;
  /** Takes records over; never throws, never blocks. What it can't keep it counts in the ledger. */
  export(records: readonly ConnectionRecord[]): void;
  /** The same for look-ups of names; absent where they are of no use. */
  exportLookups?(lookups: readonly LookupRecord[]): void;
  /** So much waits already that a source which can wait, should; absent where nothing ever waits. */
  isBusy?(): boolean;
  /** It is short of room and will have some in a moment, if it gets one; absent where that never helps. */
  isMakingRoom?(): boolean;
  /** Sends what is left until `deadline` (milliseconds, as performance.now()), then gives up and counts. Idempotent. */
  shutdown(deadline: number): Promise<void>;
}
