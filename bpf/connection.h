/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What we remember of a live connection: get, create, forget. The only file that knows how it is stored.
 * A preallocated hash keyed by the socket's address: docs/decisions/0001-connection-state.md has the measurements.
 * Inserted at SYN_SENT (client) and at the end of the handshake (server), deleted at CLOSE, which every TCP socket
 * reaches. When it is full the connection is counted as lost.
 */
#ifndef SOCKFLOW_CONNECTION_H
#define SOCKFLOW_CONNECTION_H

#include "count.h"

struct connection {
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
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 131072); /* user space sets it before loading */
  __type(key, __u64);
  __type(value, struct connection);
} connections SEC(".maps");

static __always_inline struct connection *connection_get(const void *sk) {
  __u64 key = (__u64)sk;
  return bpf_map_lookup_elem(&connections, &key);
}

/* Counts what it does: opened either way, lost when the table is full. */
static __always_inline void connection_create(const void *sk, const struct connection *connection) {
  __u64 key = (__u64)sk;
  count(SF_COUNT_OPENED);
  count(connection->role == SF_ROLE_CLIENT ? SF_COUNT_CONNECTS : SF_COUNT_ACCEPTS);
  if (bpf_map_update_elem(&connections, &key, connection, BPF_ANY))
    count(SF_COUNT_LOST_TABLE);
  else
    count(SF_COUNT_INSERTED);
}

static __always_inline void connection_forget(const void *sk) {
  __u64 key = (__u64)sk;
  if (!bpf_map_delete_elem(&connections, &key)) count(SF_COUNT_DELETED);
}

#endif
