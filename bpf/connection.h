/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What we remember of a live connection: get, create, forget. The only file that knows how it is stored.
 *
 * Two levels. First an array, indexed by the low bits of the socket's cookie: cookies are dealt out in sequence, so a
 * slot is nearly always free, and neither hashing nor a lock is paid for. Where a slot is taken (by a connection that
 * has lived while the numbers went round) a hash keyed by the socket's address takes the newcomer; it is consulted only
 * while it holds something. docs/decisions/0001-connection-state.md has the measurements.
 *
 * Made at SYN_SENT (client) and at the end of the handshake (server), gone at CLOSE, which every TCP socket reaches.
 * When both are full the connection is counted as lost.
 *
 * A look at the table runs beside the hooks, on another CPU or interrupted by them. So an entry shows its socket only
 * when all else in it is there, and whoever ends a connection takes it first: the other then finds it taken.
 */
#ifndef SOCKFLOW_CONNECTION_H
#define SOCKFLOW_CONNECTION_H

#include "count.h"

/* Payload and segments. */
struct totals {
  __u64 sent_bytes;
  __u64 received_bytes;
  __u32 sent_packets;
  __u32 received_packets;
};

struct connection {
  __u64 sk; /* address of the socket, and in its lowest bit which of `reported` holds; or SLOT_FREE, SLOT_TAKEN */
  __u64 cookie;
  __u64 start_ns;
  __u64 id; /* of an established one: derived once, since the counters that it is made of move while they are read */
  struct totals reported[2]; /* by the last update record */
  __u32 pid;
  __u32 process;
  __u32 handshake_us;
  __u32 round; /* the snapshot that looked at it last, or UNTOLD */
  __u8 role;
  __u8 attribution;
  __u8 flags;
  __u8 family; /* of an attempt, as the next two: the socket itself does not know yet */
  __u16 dialled_port;
  __u16 error; /* that the program was told of before the end, and that the socket has forgotten by that */
  union {
    __u32 dialled[4];           /* of an attempt: network order; IPv4 in the first */
    __u32 reported_retransmits; /* of a connection: as many as retransmit events have told of */
  };
};

#define UNTOLD 0xffffffff /* found, and in no record yet: the next snapshot has to tell of it */

#define SLOT_FREE 0
#define SLOT_TAKEN 2 /* by whoever fills or empties it just now */
#define SLOT_TURN 1ULL

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 131072); /* user space sets it before loading, to a power of two */
  __type(key, __u32);
  __type(value, struct connection);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 131072); /* as slots */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u64);
  __type(value, struct connection);
} overflow SEC(".maps");

const volatile __u32 slot_mask = 131071;
__u64 overflowed = 0; /* entries of overflow */

static __always_inline struct connection *slot_of(__u64 cookie) {
  __u32 index = cookie & slot_mask;
  return bpf_map_lookup_elem(&slots, &index);
}

static __always_inline struct connection *connection_get(const void *sk, __u64 cookie) {
  __u64 key = (__u64)sk;
  struct connection *c = slot_of(cookie);
  if (c && (c->sk & ~SLOT_TURN) == key && c->cookie == cookie) return c;
  if (!overflowed) return NULL;
  c = bpf_map_lookup_elem(&overflow, &key);
  return c && (c->sk & ~SLOT_TURN) == key && c->cookie == cookie ? c : NULL;
}

/* Has it just been taken and forgotten? Its cookie is left in the slot until another connection comes there. */
static __always_inline bool has_just_ended(__u64 cookie) {
  struct connection *c = slot_of(cookie);
  return c && c->cookie == cookie && (c->sk == SLOT_FREE || c->sk == SLOT_TAKEN);
}

/* What is left of a socket that had this address before, and whose end was missed. */
static __always_inline bool replace_leftover(__u64 key, struct connection *fresh) {
  struct connection *leftover = bpf_map_lookup_elem(&overflow, &key);
  if (!leftover || leftover->cookie == fresh->cookie || bpf_map_update_elem(&overflow, &key, fresh, BPF_EXIST))
    return false;
  count(SF_COUNT_LOST_MISSED);
  return true;
}

/* Remembers *fresh, whose cookie is set and which is not there yet. False when there is no room. */
static __always_inline bool connection_create(const void *sk, struct connection *fresh) {
  __u64 key = (__u64)sk;
  struct connection *slot = slot_of(fresh->cookie);
  if (slot && __sync_val_compare_and_swap(&slot->sk, SLOT_FREE, SLOT_TAKEN) == SLOT_FREE) {
    fresh->sk = SLOT_TAKEN;
    *slot = *fresh;
    fresh->sk = key;
    __sync_lock_test_and_set(&slot->sk, key);
    return true;
  }
  fresh->sk = key;
  if (bpf_map_update_elem(&overflow, &key, fresh, BPF_NOEXIST)) return replace_leftover(key, fresh);
  __sync_fetch_and_add(&overflowed, 1);
  return true;
}

/* The same for a connection that has begun: counts it, and as lost when there is no room. */
static __always_inline void connection_begin(const void *sk, struct connection *fresh, enum sf_counter how) {
  count(how);
  if (!connection_create(sk, fresh)) count(SF_COUNT_LOST_TABLE);
}

/*
 * Before its end is told: only one does that. key: its socket. NULL when somebody else was faster, else what the record
 * before reported.
 */
static __always_inline struct totals *connection_take(struct connection *c, __u64 key) {
  for (int i = 0; i < 2; i++) { /* once more when a snapshot came in between; there are not two within this moment */
    __u64 word = c->sk;
    if ((word & ~SLOT_TURN) != key) return NULL;
    if (__sync_val_compare_and_swap(&c->sk, word, SLOT_TAKEN) == word) return &c->reported[word & 1];
  }
  return NULL;
}

/* Of one that was taken. */
static __always_inline void connection_forget(struct connection *connection, __u64 key) {
  if (slot_of(connection->cookie) == connection)
    __sync_lock_test_and_set(&connection->sk, SLOT_FREE);
  else if (!bpf_map_delete_elem(&overflow, &key))
    __sync_fetch_and_add(&overflowed, -1);
}

#endif
