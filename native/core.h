/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native core: loads the BPF programs, attaches them, reads their records. No Node in here.
 *
 *   sf_open → sf_attach → sf_find_existing, sf_read, sf_collect … sf_find_again, sf_snapshot … sf_counts
 *   → sf_end_missed → sf_detach → sf_read, sf_end_flows, sf_end_floods … (the rest) → sf_close
 *
 * Not thread-safe: one thread at a time, except sf_counts, sf_live, sf_live_flows and sf_find_existing, which another thread
 * may call at any time between sf_attach and sf_close.
 * Functions return 0 or a negative errno; the text is in struct sf_error.
 */
#ifndef SOCKFLOW_CORE_H
#define SOCKFLOW_CORE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "../bpf/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sf_options {
  uint32_t ring_bytes;      /* power of two, a multiple of the page size */
  uint32_t max_connections; /* at least so many can be followed at once */
  uint8_t emit_open;        /* 1: send a record when a connection is established, too */
  uint8_t retransmits;      /* 1: send a record of each retransmitted segment */
  uint8_t resets;           /* 1: send a record of each reset */
  uint8_t drops;            /* 1: send a record of each segment of a connection that the kernel drops (Linux 6.2) */
  uint8_t listeners;        /* 1: snapshots say what listeners dropped, too */
  uint8_t existing;         /* 1: find the connections that are older than the agent */
  uint8_t details;          /* 1: put sf_details behind each connection record */
  uint8_t updates;          /* 1: snapshots report connections that moved */
  uint8_t idle_updates;     /* 1: those that did not move, too */
  uint8_t dns;              /* 1: send records of look-ups of names */
  uint8_t command_args;     /* 1: put the arguments of processes into their descriptions */
  uint8_t tcp;              /* 1: watch it */
  uint8_t udp;
  uint32_t max_flows;    /* UDP conversations that are told apart at once, and sockets that have them */
  uint64_t flow_idle_ns; /* a UDP conversation ends when it has not moved for so long */
  uint32_t only_netns;   /* inode number of the network namespace to watch; 0: all */
};

struct sf_error {
  int number;     /* errno */
  char what[256]; /* the step that failed, with the program's name where there is one */
  char *log;      /* what libbpf and the verifier said, or NULL; free() it */
};

struct sf_agent;

int sf_open(const struct sf_options *options, struct sf_agent **agent, struct sf_error *error);

/*
 * From its return on no connection is missed. Those that are older have been found by sf_find_existing.
 */
int sf_attach(struct sf_agent *agent, struct sf_error *error);

/*
 * Between sf_open and sf_attach: what takes capabilities after that is asked of the process at the other end (see
 * native/privileged), so that this one can give them up. `channel` is the agent's from now on.
 */
void sf_ask_of(struct sf_agent *agent, int channel);

/* Connections and listeners older than the agent, if asked for. Their records go into the ring: read it meanwhile. */
int sf_find_existing(struct sf_agent *agent);

/*
 * Moves whole records from the ring to buffer, until the ring is empty or less than SF_RECORD_MAX bytes are left.
 * Returns the bytes written, or a negative errno. Boot times have become UNIX times, jiffies milliseconds.
 */
long sf_read(struct sf_agent *agent, void *buffer, size_t size);
#define SF_RECORD_MAX (sizeof(struct sf_dns) + SF_DNS_DATA + 8)

/*
 * Ends the UDP conversations that are idle, or whose socket is closed, if it is time to look for them. To be called
 * between readings: what finds no room in the ring is tried again at the next call.
 */
int sf_collect(struct sf_agent *agent);

/* After sf_detach: ends all UDP conversations. Returns how many found no room in the ring: read it, and call again. */
int sf_end_flows(struct sf_agent *agent);

/*
 * To be called before a snapshot, when sf_find_existing has returned. When connections had no room in the table since the
 * last time, and there is some now, looks for those that still live, a part at a time. Their records go into the ring, or
 * come with the snapshot. Returns 1 while there is more: read the ring, then call it again. 0 at the end.
 */
int sf_find_again(struct sf_agent *agent);

/*
 * Puts an update record of each connection that moved since the last snapshot into the ring, a part of the table at a
 * time: *at is 0 at first, and moves on. Without sf_options.updates no records, but it finds ends that the kernel hid. Returns 1 while there is more: read the ring, then call it again. 0 at the end,
 * -ENOTSUP below Linux 6.2.
 */
int sf_snapshot(struct sf_agent *agent, uint32_t *at);

/*
 * Before sf_detach: ends the connections that have ended and whose end the kernel hid, however young, so that the last
 * counts are whole. A part of the table at a time, as sf_snapshot.
 */
int sf_end_missed(struct sf_agent *agent, uint32_t *at);

/* After sf_detach, when the ring has been read: has told what is left of many resets. */
void sf_end_floods(struct sf_agent *agent);

/* Sums over all CPUs. */
int sf_counts(struct sf_agent *agent, uint64_t values[SF_COUNT_MAX]);

/* How many connections are in the table, by looking at it. -ENOTSUP below Linux 6.2. */
int sf_live(struct sf_agent *agent, uint64_t *live);

/* How many UDP conversations are in theirs, likewise. */
int sf_live_flows(struct sf_agent *agent, uint64_t *live);

/* No new records after this; what is in the ring can still be read. */
void sf_detach(struct sf_agent *agent);
void sf_close(struct sf_agent *agent);

/* What this kernel and this host let the agent see. */
struct sf_features {
  uint8_t whole_host;   /* cgroup hooks reach every process (0: only the own cgroup namespace) */
  uint8_t snapshot;     /* updates of live connections */
  uint8_t drops;        /* drops of segments, when they were asked for */
  uint8_t use_calls;    /* owner by sending, and by receiving nothing (0: by receiving data alone) */
  uint8_t udp;          /* UDP conversations (Linux 6.2 and later, cgroup v2) */
  uint8_t translation;  /* where a dialled address is translated to, likewise */
  uint8_t cgroup_hooks; /* owner of sockets that are accepted and closed unused; connects that fail before a SYN */
  uint8_t dns;          /* look-ups of names */
};
void sf_features(struct sf_agent *agent, struct sf_features *features);

/* Calls back with each value below 65,536 of an enumeration of this kernel, as sk_rst_reason: SK_RST_REASON_TCP_STATE … */
int sf_enumeration(const char *enumeration, void (*name)(void *context, uint32_t number, const char *text),
                   void *context);

#ifdef __cplusplus
}
#endif
#endif
