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
  __u8 unused[5];
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

static __always_inline enum sf_counter beginning_of(const struct connection *connection) {
  if (connection->flags & SF_FLAG_PRE_EXISTING) return SF_COUNT_FOUND;
  return connection->role == SF_ROLE_CLIENT ? SF_COUNT_CONNECTS : SF_COUNT_ACCEPTS;
}

/* Remembers *fresh, whose cookie is set; counts it, and as lost when there is no room. */
static __always_inline void connection_create(const void *sk, struct connection *fresh) {
  __u64 key = (__u64)sk;
  struct connection *slot = slot_of(fresh->cookie);
  count(beginning_of(fresh));
  if (slot && (slot->sk == key || __sync_val_compare_and_swap(&slot->sk, 0, key) == 0)) {
    fresh->sk = key;
    *slot = *fresh;
    return;
  }
  fresh->sk = key;
  if (bpf_map_update_elem(&overflow, &key, fresh, BPF_ANY))
    count(SF_COUNT_LOST_TABLE);
  else
    __sync_fetch_and_add(&overflowed, 1);
}

/* False when somebody else was faster. */
static __always_inline bool connection_forget(struct connection *connection) {
  __u64 key = connection->sk;
  struct connection *slot = slot_of(connection->cookie);
  if (slot == connection) return __sync_val_compare_and_swap(&slot->sk, key, 0) == key;
  if (bpf_map_delete_elem(&overflow, &key)) return false;
  __sync_fetch_and_add(&overflowed, -1);
  return true;
}

#endif
