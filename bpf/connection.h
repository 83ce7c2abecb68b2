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
 */
#ifndef SOCKFLOW_CONNECTION_H
#define SOCKFLOW_CONNECTION_H

#include "count.h"

struct connection {
  __u64 sk; /* address of the socket; 0: the slot is free */
  __u64 cookie;
  __u64 start_ns;
  __u32 pid;
  __u32 process;
  __u32 handshake_us;
  __u32 reported_segments; /* at the last update record: an idle connection has none to report */
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
  struct connection *slot = slot_of(cookie);
  if (slot && slot->sk == key) return slot;
  return overflowed ? bpf_map_lookup_elem(&overflow, &key) : NULL;
}

/* Remembers *fresh, whose cookie is set. False when there is no room. */
static __always_inline bool connection_create(const void *sk, struct connection *fresh) {
  __u64 key = (__u64)sk;
  struct connection *slot = slot_of(fresh->cookie);
  fresh->sk = key;
  if (slot && (slot->sk == key || __sync_val_compare_and_swap(&slot->sk, 0, key) == 0)) {
    *slot = *fresh;
    return true;
  }
  if (bpf_map_update_elem(&overflow, &key, fresh, BPF_ANY)) return false;
  __sync_fetch_and_add(&overflowed, 1);
  return true;
}

/* The same for a connection that has begun: counts it, and as lost when there is no room. */
static __always_inline void connection_begin(const void *sk, struct connection *fresh, enum sf_counter how) {
  count(how);
  if (!connection_create(sk, fresh)) count(SF_COUNT_LOST_TABLE);
}

/* key: its socket. False when somebody else was faster. */
static __always_inline bool connection_forget(struct connection *connection, __u64 key) {
  struct connection *slot = slot_of(connection->cookie);
  if (slot == connection) return __sync_val_compare_and_swap(&slot->sk, key, 0) == key;
  if (bpf_map_delete_elem(&overflow, &key)) return false;
  __sync_fetch_and_add(&overflowed, -1);
  return true;
}

#endif
