/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsockflow: the TCP connections and UDP conversations of every process on this host, seen with eBPF.
 *
 *   struct sockflow_options options = SOCKFLOW_OPTIONS;
 *   struct sockflow_error error;
 *   struct sockflow *watcher;
 *   const struct sockflow_event *event;
 *
 *   if (sockflow_open(&options, &watcher, &error)) { fprintf(stderr, "%s\n", error.message); exit(1); }
 *   while (sockflow_next(watcher, &event, -1) == 1) printf("%s\n", event->process.name);
 *   sockflow_close(watcher);
 *
 * Needs Linux 5.15 or later, and root or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.
 *
 * Threads. A watcher belongs to one thread at a time. sockflow_interrupt and sockflow_statistics may be called by any
 * thread between sockflow_open and sockflow_close, sockflow_interrupt by a signal handler, too. Several watchers may
 * live at a time, in one thread or in many. The library has one thread of its own for a moment after sockflow_open.
 *
 * Memory. The library owns all that it gives: an event and its texts are valid until the next sockflow_next,
 * sockflow_dispatch, sockflow_stop or sockflow_close of the same watcher. What waits is bounded: when nobody asks for
 * the next event the kernel side's memory (ring_bytes) fills up, and what finds no room then is counted.
 *
 * Names of containers and pods. A runtime is asked when the first process of a container is seen, by the thread that asks
 * for events: containerd by reading what it wrote for Kubernetes, Docker and Podman by one request over their socket. That
 * takes up to half a second where they do not answer, after which they are let alone for ten. CRI-O is not asked.
 *
 * The library writes to no descriptor and handles no signal. It takes the words of libbpf of the whole process
 * (libbpf_set_print), since those would go to stderr.
 *
 * Functions return 0 or a negative errno unless they say otherwise. Structures grow at their ends only, and what is
 * compiled with this header runs with later versions of the same soname.
 */
#ifndef SOCKFLOW_H
#define SOCKFLOW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is watched, ORed together. The first six are libebpfflow's LIBEBPF_…, with their values. */
enum sockflow_watch {
  SOCKFLOW_TCP = 1 << 0,
  SOCKFLOW_UDP = 1 << 1, /* neither of the two: both */
  SOCKFLOW_IN = 1 << 2,  /* TCP accepted here; UDP begun by the peer */
  SOCKFLOW_OUT = 1 << 3, /* TCP connects, failed ones too; UDP begun here */
  SOCKFLOW_CLOSE = 1 << 4,
  SOCKFLOW_RETRANSMIT = 1 << 5, /* none of the last four, nor of those below: these four */
  SOCKFLOW_UPDATE = 1 << 6,     /* live connections that moved, once an interval */
  SOCKFLOW_RESET = 1 << 7,
  SOCKFLOW_DROP = 1 << 8, /* segments of connections that the kernel dropped; Linux 6.2 */
};

/* Zero stands for the default of each field. */
struct sockflow_options {
  size_t size;                  /* of this structure; SOCKFLOW_OPTIONS sets it */
  uint32_t watch;               /* enum sockflow_watch */
  uint32_t interval_ms;         /* between updates of a connection; 10,000 */
  uint32_t only_netns;          /* inode number of the network namespace to watch; all of the host */
  uint32_t ring_bytes;          /* between the kernel and this process, a power of two from 64 KiB to 1 GiB; 16 MiB */
  uint32_t max_connections;     /* that can be followed at once; 131,072 */
  uint32_t max_flows;           /* UDP conversations that can be told apart at once; 65,536 */
  uint32_t flow_idle_ms;        /* a UDP conversation ends when it has not moved for so long; 60,000 */
  uint8_t only_new;             /* 1: not those that are older than the watcher */
  uint8_t no_names;             /* 1: nobody is asked for the names of containers */
  const char *docker_socket;    /* of Docker or Podman; /run/docker.sock, then /run/podman/podman.sock */
  const char *containerd_state; /* directory; /run/containerd, then those of k3s and microk8s */
};
/* Which form is right depends on the version. */
/* clang-format off */
#ifdef __cplusplus
#define SOCKFLOW_OPTIONS { sizeof(struct sockflow_options) }
#else
#define SOCKFLOW_OPTIONS { .size = sizeof(struct sockflow_options) }
#endif
/* clang-format on */

/* Hundreds: 1 begin, 2 between, 3 end, 5 failure. Tens: 0 TCP, 1 UDP. As libebpfflow numbers them, where it has them. */
enum sockflow_event_type {
  SOCKFLOW_TCP_ACCEPT = 100,
  SOCKFLOW_TCP_CONNECT = 101,
  SOCKFLOW_TCP_RETRANSMIT = 200,
  SOCKFLOW_TCP_UPDATE = 201,
  SOCKFLOW_TCP_RESET_SENT = 202,
  SOCKFLOW_TCP_RESET_RECEIVED = 203,
  SOCKFLOW_TCP_DROP_SENT = 204, /* dropped on its way out */
  SOCKFLOW_TCP_DROP_RECEIVED = 205,
  SOCKFLOW_UDP_UPDATE = 212,
  SOCKFLOW_TCP_CLOSE = 300,
  SOCKFLOW_UDP_CLOSE = 310, /* a conversation is over: its socket was closed, or it was idle */
  SOCKFLOW_TCP_CONNECT_FAILED = 500,
};

enum sockflow_role {
  SOCKFLOW_ROLE_UNKNOWN = 0,
  SOCKFLOW_ROLE_CLIENT = 1, /* this end began it */
  SOCKFLOW_ROLE_SERVER = 2,
};

struct sockflow_process {
  uint32_t pid;     /* 0: not known. The thread group; a socket belongs to no thread */
  uint32_t uid;     /* effective */
  uint32_t gid;     /* effective; of a parent 0 */
  const char *name; /* task name, at most 15 bytes; never NULL */
  const char *path; /* of the executable, as the process sees it; NULL: not known */
};

/* Addresses are in network order, IPv4 in the first four bytes; ports in host order. */
struct sockflow_event {
  uint16_t type;      /* enum sockflow_event_type */
  uint8_t protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
  uint8_t ip_version; /* 4 or 6 */
  uint8_t role;       /* enum sockflow_role */
  uint8_t older;      /* 1: than the watcher, so that its times and counters of the handshake are not known */
  uint16_t local_port;
  uint16_t peer_port;
  uint16_t dialled_port; /* with dialled_address: what a client dialled, when that is translated to the peer; else 0 */
  uint8_t local_address[16];
  uint8_t peer_address[16];
  uint8_t dialled_address[16];
  uint64_t time_ns; /* when it happened: UNIX time, as all that end in time_ns */
  uint64_t begin_time_ns;
  uint64_t last_time_ns; /* UDP: last datagram; TCP: 0 */
  const char *id;        /* 16 hexadecimal digits, the same at both ends, for all watchers; not when nobody answered */
  uint64_t number;       /* of this end on this host, unique: the socket's cookie */
  uint32_t netns;        /* inode number */
  char interface[16];    /* name; empty: not known */

  uint64_t sent_bytes; /* payload, these four since the begin */
  uint64_t received_bytes;
  uint64_t sent_packets; /* TCP segments or datagrams */
  uint64_t received_packets;

  uint32_t latency_us; /* from SYN to SYN-ACK, at the client; 0: not measured, as the next three */
  uint32_t rtt_us;     /* smoothed */
  uint32_t rtt_min_us;
  uint32_t rtt_variation_us;
  uint32_t retransmissions; /* segments since the begin */
  /* Retransmit, reset and drop events: how many the event is of. Of several resets, an address or port not alike is 0. */
  uint32_t segments;

  int error; /* errno of the socket when it ended; 0: none */
  const char
      *error_type; /* connection_refused, timed_out …: docs/outcomes.md; NULL: it did not fail, or has not ended */
  const char *close_reason; /* fin_local, reset_remote …; NULL: not known, or it has not ended */

  const char *attribution;         /* where the owner was learnt: open, listener, use, release, snapshot, none */
  struct sockflow_process process; /* who owns the socket */
  struct sockflow_process parent;
  const char *cgroup;            /* path; NULL: not known, as all below */
  const char *container_id;      /* as its runtime calls it: 64 hexadecimal digits with most */
  const char *container_runtime; /* docker, containerd, podman, cri-o … */
  const char *pod_uid;
  const char *container_name; /* these three as the runtime told; see above */
  const char *pod_name;
  const char *pod_namespace;
};

struct sockflow_error {
  int number;         /* errno */
  char message[1024]; /* one sentence, with what can be done about it */
};

struct sockflow_statistics {
  uint64_t opened; /* TCP connections: opened = closed + live + lost */
  uint64_t closed;
  uint64_t live;
  uint64_t lost;         /* their end found no room, or nobody saw it */
  uint64_t flows_opened; /* UDP conversations: flows_opened = flows_closed + flows_live */
  uint64_t flows_closed;
  uint64_t flows_live;
  uint64_t dropped;          /* events other than ends that found no room */
  uint64_t lost_datagrams;   /* of sockets that there was no room for */
  uint64_t folded_datagrams; /* of peers that there was no room for: counted with all others of their socket */
  uint64_t events;           /* that sockflow_next gave */
};

struct sockflow;

/* From its return on no connection is missed. On failure *watcher is NULL and *error says why; error may be NULL. */
int sockflow_open(const struct sockflow_options *options, struct sockflow **watcher, struct sockflow_error *error);

/*
 * Returns 1 and the next event; 0 when none came within timeout_ms milliseconds (-1: however long it takes) or
 * sockflow_interrupt was called; -ENODATA after sockflow_stop, when there is nothing more. Events are at most 25 ms old
 * when somebody waits for them.
 */
int sockflow_next(struct sockflow *watcher, const struct sockflow_event **event, int timeout_ms);

/*
 * Waits as sockflow_next does, then calls back with each event that was read at once. Returns how many they were, or what
 * sockflow_next returns. The callback may call sockflow_interrupt, and no other function that gives or ends events.
 */
int sockflow_dispatch(struct sockflow *watcher, int timeout_ms,
                      void (*callback)(void *context, const struct sockflow_event *event), void *context);

/* A sockflow_next that waits returns 0 within 25 ms; when none waits, the next one does at once. */
void sockflow_interrupt(struct sockflow *watcher);

/* Nothing new is seen from now on; sockflow_next gives what there is, ends of UDP conversations included. Idempotent. */
int sockflow_stop(struct sockflow *watcher);

/* Leaves nothing behind in the kernel. NULL is nothing. */
void sockflow_close(struct sockflow *watcher);

/* `size`: sizeof(struct sockflow_statistics). The equations hold when nothing happens meanwhile. */
int sockflow_statistics(struct sockflow *watcher, struct sockflow_statistics *statistics, size_t size);

/* What is watched, and what is off on this kernel and why: one line, valid until sockflow_close. */
const char *sockflow_description(struct sockflow *watcher);

/* The name of an event type as in `sockflow --format json`: sockflow.connection.close … ; NULL: there is none such. */
const char *sockflow_event_name(uint16_t type);

/* 0.1.0 */
const char *sockflow_version(void);

#ifdef __cplusplus
}
#endif
#endif
