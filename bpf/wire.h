/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What crosses from the kernel to user space: one header for the BPF programs, the native core and, through
 * scripts/generate-wire, TypeScript (src/capture/wire.gen.ts; a test fails when it drifts).
 * Fixed widths, explicit padding, native byte order; every record starts with kind, event and length.
 * Times leave the kernel as CLOCK_BOOTTIME and leave the native core as UNIX time, both in nanoseconds.
 */
#ifndef SOCKFLOW_WIRE_H
#define SOCKFLOW_WIRE_H

enum sf_kind {
  SF_KIND_PROCESS = 1,
  SF_KIND_CONNECTION = 2,
  SF_KIND_DNS = 3,
  SF_KIND_FLOW = 4,
  SF_KIND_TRANSLATION = 5,
  SF_KIND_INTERFACE = 6,
};

enum sf_event {
  SF_EVENT_OPEN = 1,
  SF_EVENT_UPDATE = 2,
  SF_EVENT_END = 3,        /* user space decides between close and failed */
  SF_EVENT_FOUND = 4,      /* older than the agent: the counters that later ones are compared with */
  SF_EVENT_RETRANSMIT = 5, /* a segment of it was sent again */
  SF_EVENT_RESET_SENT = 6,
  SF_EVENT_RESET_RECEIVED = 7,
  SF_EVENT_DROP_SENT = 8, /* segments that the kernel dropped: on their way out, or in */
  SF_EVENT_DROP_RECEIVED = 9,
};

enum sf_dns_event {
  SF_DNS_QUESTION = 1,
  SF_DNS_ANSWER = 2,
};

enum sf_role {
  SF_ROLE_UNKNOWN = 0,
  SF_ROLE_CLIENT = 1,
  SF_ROLE_SERVER = 2,
};

/* Where the owner was learnt, in the order of growing certainty about who uses the socket. */
enum sf_attribution {
  SF_OWNER_NONE = 0,
  SF_OWNER_LISTENER = 1,
  SF_OWNER_OPEN = 2,
  SF_OWNER_RELEASE = 3,
  SF_OWNER_USE = 4,
  SF_OWNER_SNAPSHOT = 5,
};

enum sf_flag {
  SF_FLAG_ESTABLISHED = 1, /* the handshake was completed */
  SF_FLAG_PEER_FIN = 2,    /* the peer's FIN was received */
  SF_FLAG_PRE_EXISTING = 4,
  SF_FLAG_ATTEMPT = 16, /* connect was called and has not got as far as a SYN */
  /* The end was found by looking at the table: when and from which state is not known. A retransmit: found at the end, and of
     which segments and when is not known. */
  SF_FLAG_LATE = 32,
};

enum sf_flow_flag {
  SF_FLOW_PRE_EXISTING = 1,
  SF_FLOW_TRANSLATED = 2, /* what was dialled is not where it goes */
  SF_FLOW_QUIC = 4,
  SF_FLOW_OTHERS = 8, /* peers of a socket that the table had no room for, all in one */
};

/* Why a flow ended. */
enum sf_reason {
  SF_REASON_CLOSED = 1, /* its socket was closed */
  SF_REASON_IDLE = 2,
  SF_REASON_STOP = 3, /* the agent stops */
};

/* The sums of one CPU; user space adds the CPUs up. connects + accepts + found + attempts = live + closed + lost_*, always. */
enum sf_counter {
  SF_COUNT_CONNECTS = 0,           /* connections begun: attempts from here */
  SF_COUNT_ACCEPTS = 1,            /* connections begun: accepted here */
  SF_COUNT_FOUND = 2,              /* connections older than the agent */
  SF_COUNT_ATTEMPTS = 3,           /* connects that failed before a SYN was sent */
  SF_COUNT_CLOSED = 4,             /* end records handed to the ring */
  SF_COUNT_LOST_TABLE = 5,         /* begun, but the connection table was full */
  SF_COUNT_LOST_RING = 6,          /* ended, but the ring had no room for the end record */
  SF_COUNT_LOST_MISSED = 7,        /* ended unseen, and the socket was gone when a look at the table found it */
  SF_COUNT_DROPPED_EVENTS = 8,     /* records of other events that found no room in the ring */
  SF_COUNT_DROPPED_PROCESSES = 9,  /* process descriptions the ring had no room for; tried again at the next socket */
  SF_COUNT_DROPPED_LISTENERS = 10, /* listeners the table had no room for */
  SF_COUNT_DROPPED_NOTES = 11,     /* connects the table had no room for a note of: not seen if they send no SYN */
  SF_COUNT_LATE = 12,              /* ended unseen, and told by a look at the table: among the closed ones */
  SF_COUNT_FLOWS = 13,             /* UDP flows begun */
  SF_COUNT_FLOWS_CLOSED = 14,      /* and ended; these are never lost: what finds no room in the ring waits */
  SF_COUNT_FOLDED_DATAGRAMS = 15,  /* of peers that the flow table had no room for: in the flow of all others */
  SF_COUNT_LOST_DATAGRAMS = 16,    /* of sockets that the table had no room for */
  SF_COUNT_DROPPED_DNS = 17,       /* questions and answers of DNS that found no room, or that came too fast */
  SF_COUNT_SKIPPED_TRANSLATIONS =
      18, /* of user space: connections whose translation was not asked for, at too high a rate */
  SF_COUNT_MAX = 19,
};

/* A connection at one moment. Counters are totals of its life. */
struct sf_connection {
  __u8 kind;
  __u8 event;
  __u16 length; /* of this record */
  __u8 family;  /* 4 or 6; v4-mapped addresses are 4 */
  __u8 role;
  __u8 attribution;
  __u8 state; /* TCP state; in an end record the one before */
  __u64 time_ns;
  __u64 start_ns;
  __u64 cookie;
  __u64 id;               /* in user space the most significant byte first, as mptcp_id: that is how it is written */
  __u8 local_address[16]; /* network order; IPv4 in the first four bytes */
  __u8 peer_address[16];
  __u16 local_port; /* host order */
  __u16 peer_port;
  __u32 netns;   /* inode number */
  __u32 pid;     /* thread group; 0: nobody is known */
  __u32 process; /* serial of the description, see sf_process */
  __u64 sent_bytes;
  __u64 received_bytes;
  __u32 sent_packets;
  __u32 received_packets;
  __u64 reported_sent_bytes; /* these four: in the record before, so that the difference is new */
  __u64 reported_received_bytes;
  __u32 reported_sent_packets;
  __u32 reported_received_packets;
  __u32 retransmits;
  __u32 lost;
  __u32 reordering;
  __u32 handshake_us; /* 0: not measured */
  __u32 rtt_us;       /* 0: never measured, as the next two */
  __u32 rtt_variation_us;
  __u32 rtt_min_us;
  __u32 busy_ms; /* these three leave the kernel in jiffies; the native core knows how long one is */
  __u32 receive_window_limited_ms;
  __u32 send_buffer_limited_ms;
  __u16 error; /* errno of the socket */
  __u8 shutdown;
  __u8 flags;   /* enum sf_flag */
  __u32 detail; /* retransmit: first byte of the segment, counted from the SYN; reset sent, drop: the kernel's reason */
  __u64 mptcp_id;  /* of the MPTCP connection that this one is a subflow of; 0: none */
  __u32 interface; /* index in its network namespace of the one of its packets; 0: no route */
  __u32 segments;  /* that the event is of, see flood.h; 0 where it is of none */
};

/* A UDP conversation of one socket with one peer, at one moment. Counters are totals of its life. */
struct sf_flow {
  __u8 kind;
  __u8 event; /* update or end */
  __u16 length;
  __u8 family; /* 4 or 6; v4-mapped addresses are 4; of all others, that of the socket */
  __u8 role;
  __u8 attribution;
  __u8 flags;
  __u64 time_ns;
  __u64 start_ns;            /* first datagram that was seen */
  __u64 last_ns;             /* last one */
  __u64 number;              /* of the flow, with the highest bit set: no socket cookie has it */
  __u64 id;                  /* the same on both ends; in user space the most significant byte first */
  __u8 local_address[16];    /* network order; IPv4 in the first four bytes */
  __u8 peer_address[16];     /* the true one */
  __u8 original_address[16]; /* what was dialled; only when translated */
  __u16 local_port;          /* host order */
  __u16 peer_port;
  __u16 original_port;
  __u16 error; /* errno that the socket was told of: an ICMP message */
  __u32 netns; /* inode number */
  __u32 pid;
  __u32 process;
  __u32 interface;
  __u64 sent_bytes;
  __u64 received_bytes;
  __u64 sent_packets;
  __u64 received_packets;
  __u64 reported_sent_bytes; /* in the update record before; 0: there was none */
  __u64 reported_received_bytes;
  __u64 reported_sent_packets;
  __u64 reported_received_packets;
  __u8 reason; /* of the end: enum sf_reason */
  __u8 unused[7];
};

/* Where a dialled TCP connection really goes; comes before any other record of it. */
struct sf_translation {
  __u8 kind;
  __u8 family;
  __u16 length;
  __u16 unused;
  __u16 port; /* host order */
  __u64 cookie;
  __u8 address[16];
};

#define SF_DNS_DATA 4096

/*
 * A message to or from port 53, or a piece of one: the payload of a packet follows, up to SF_DNS_DATA bytes of it; the
 * length tells. More of a TCP segment comes in further records.
 */
struct sf_dns {
  __u8 kind;
  __u8 event;
  __u16 length;
  __u8 family;   /* 4 or 6, of the packet */
  __u8 protocol; /* IPPROTO_UDP or IPPROTO_TCP */
  __u16 server_port;
  __u64 time_ns;
  __u64 cookie; /* of the socket that asks */
  __u32 netns;
  __u32 pid; /* who asks; 0 in answers */
  __u32 process;
  __u32 position;    /* TCP: of the first byte in the stream, from 0 */
  __u32 packet_size; /* bytes of it */
  __u32 unused;
  __u8 server_address[16];
};

/* The name of a network interface: the native core sends it before the first record that has its index. */
struct sf_interface {
  __u8 kind;
  __u8 unused;
  __u16 length;
  __u32 netns;
  __u32 index;
  char name[16];
};

/* Behind a connection record when it was asked for; the length tells. */
struct sf_details {
  __u32 congestion_window; /* segments */
  __u32 mss;
  __u32 unsent_bytes;  /* written, and not sent yet */
  __u32 unacked_bytes; /* sent, and not acknowledged */
  __u32 out_of_order;  /* segments received ahead of their turn */
  __u32 send_window;   /* of the peer; 0: it is closed */
  __u64 delivery_rate; /* bytes a second, at the last measurement */
};

#define SF_PROCESS_DATA 2048
#define SF_ARGUMENTS_MAX 1024 /* bytes of the arguments of a process */

/* The parts of sf_process.data, in this order. */
enum sf_part {
  SF_PART_EXE = 0,
  SF_PART_PARENT_EXE = 1,
  SF_PART_CGROUP = 2,        /* unified hierarchy */
  SF_PART_CGROUP_MEMORY = 3, /* version 1 controllers, where they have their own hierarchy */
  SF_PART_CGROUP_PIDS = 4,
  SF_PART_MAX = 5,
};

enum sf_process_flag {
  SF_PROCESS_CUT = 1,           /* a path did not fit */
  SF_PROCESS_ARGUMENTS = 2,     /* behind the last part of data are its arguments, each ended by NUL */
  SF_PROCESS_ARGUMENTS_CUT = 4, /* and not all of them */
};

/*
 * A process, described at its first socket and again after an exec. Paths are stored from the last component to the
 * first, each ended by NUL: the kernel's own order, reversed in user space.
 */
struct sf_process {
  __u8 kind;
  __u8 flags;   /* enum sf_process_flag */
  __u16 length; /* of this record: what is used of data included */
  __u32 serial;
  __u64 start_ns;
  __u32 pid;
  __u32 parent_pid;
  __u32 user_id; /* effective, as the next two */
  __u32 group_id;
  __u32 parent_user_id;
  __u32 namespace_pid;
  char name[16]; /* task name, at most 15 bytes */
  char parent_name[16];
  __u16 part_end[SF_PART_MAX]; /* offset in data behind each part */
  __u16 unused[3];
  char data[SF_PROCESS_DATA];
};

/* What user space wants of look_at_table. */
enum sf_look_task {
  SF_LOOK_COUNT = 0,
  SF_LOOK_REPORT = 1, /* end what has ended unseen, send update records of what moved */
  SF_LOOK_LAST = 2,   /* the agent stops: end what has ended unseen, young ones too */
  SF_LOOK_FLOODS = 3, /* nothing but what is left of many resets, when no more come */
};

/* What user space asks of look_at_table, and its answer. */
struct sf_look {
  __u32 first; /* slot; the number of slots: the overflow, as a whole */
  __u32 count;
  __u32 task;
  __u32 round; /* of the report */
  __u32 live;  /* answer: connections in this stretch, those included whose end was missed and is still to be told */
  __u32 next;  /* answer: with which slot to go on. Within the stretch: the ring has to be read before */
};

/* What user space wants of look_at_flows; each does what the ones before it do. */
enum sf_flow_task {
  SF_FLOWS_COUNT = 0,
  SF_FLOWS_COLLECT = 1,    /* end what is idle, and what a closed socket left */
  SF_FLOWS_REPORT = 2,     /* send update records of what moved */
  SF_FLOWS_REPORT_ALL = 3, /* and of what did not */
  SF_FLOWS_STOP = 4,       /* end all */
};

struct sf_flow_look {
  __u64 idle_since_ns; /* idle: has not moved since */
  __u32 task;
  __u32 round;   /* of the report */
  __u32 live;    /* answer: flows that go on, as far as it looked */
  __u32 waiting; /* answer: 1 when the ring has to be read first; then look again */
};

#ifndef __bpf__
#ifdef __cplusplus
#define SF_ASSERT(what) static_assert(what, #what)
#else
#define SF_ASSERT(what) _Static_assert(what, #what)
#endif
#else
#define SF_ASSERT(what) _Static_assert(what, #what)
#endif
SF_ASSERT(sizeof(struct sf_connection) == 200);
SF_ASSERT(sizeof(struct sf_flow) == 192);
SF_ASSERT(sizeof(struct sf_translation) == 32);
SF_ASSERT(sizeof(struct sf_interface) == 28);
SF_ASSERT(sizeof(struct sf_details) == 32);
SF_ASSERT(sizeof(struct sf_dns) == 64);
SF_ASSERT(sizeof(struct sf_process) == 88 + SF_PROCESS_DATA);

#endif
