/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * UDP conversations: one flow for each socket and peer, counted in the kernel, reported from time to time. A socket with
 * more peers than its share of the table, or than the table has room for, gets one flow for all others, kept with the
 * socket itself, so that the bytes stay true. A flow ends with its socket, when it is idle, or when the agent stops; what
 * finds no room in the ring then waits.
 */
#ifndef SOCKFLOW_FLOW_H
#define SOCKFLOW_FLOW_H

#include "emit.h"
#include "owner.h"

struct flow_key {
  __u64 cookie; /* of the socket */
  __u8 peer[16];
  __u16 port;
  __u16 family; /* 4 or 6 */
  __u32 unused;
};

struct flow {
  /* What each datagram touches stands first: one cache line. */
  __u32 jiffy; /* of the last reading of the clock */
  __u32 round; /* of the last report */
  __u64 sent_bytes;
  __u64 received_bytes;
  __u64 sent_packets;
  __u64 received_packets;
  __u64 start_ns; /* 0: there is none (the flow of all others, in struct flow_socket) */
  __u64 last_ns;
  __u64 reported_sent_bytes; /* at the last update record */
  __u64 reported_received_bytes;
  __u64 reported_sent_packets;
  __u64 reported_received_packets;
  __u64 number;
  __u64 id;
  __u8 local[16];
  __u8 true_peer[16]; /* when translated */
  __u16 true_port;
  __u16 local_port;
  __u16 error;
  __u8 role;
  __u8 flags;
  __u32 netns;
  __u32 interface;
  __u8 family;
};

struct flow_socket {
  __u32 pid;
  __u32 process;
  __u8 attribution;
  __u8 closed;   /* 1: just now; 2: datagrams that were under way have arrived */
  __u8 existing; /* older than the agent */
  __u8 dialled;  /* it spoke first to a peer */
  __u32 flows;
  struct flow_key first; /* of its only flow, while there is one */
  struct flow others;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536); /* user space sets it before loading, as the next one */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct flow_key);
  __type(value, struct flow);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u64); /* cookie */
  __type(value, struct flow_socket);
} flow_sockets SEC(".maps");

const volatile __u32 flows_of_a_socket = 32768;
__u64 last_flow = 0;
__u64 sockets_to_collect = 0; /* closed, and not ended yet */

static const struct flow_socket no_socket = {};

static __always_inline struct flow_socket *flow_socket_get(__u64 cookie) {
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &cookie);
  if (socket) return socket;
  bpf_map_update_elem(&flow_sockets, &cookie, &no_socket, BPF_NOEXIST);
  return bpf_map_lookup_elem(&flow_sockets, &cookie);
}

/* So many have their exact time, so that what ends soon has an exact duration; the last one behind them, to a jiffy. */
#define EXACT_DATAGRAMS 64

/* For each datagram, and reading the clock would be a tenth of what it pays. */
static __always_inline void flow_moved(struct flow *f) {
  __u32 jiffy = bpf_jiffies64();
  if (f->jiffy == jiffy && f->sent_packets + f->received_packets > EXACT_DATAGRAMS) return;
  f->jiffy = jiffy;
  f->last_ns = bpf_ktime_get_boot_ns();
}

/* Whoever sends, or takes what came: a few loads when it is the same as the last time. */
static __always_inline void flow_owner(struct flow_socket *socket, enum sf_attribution how) {
  __u32 process = current_process();
  if (!process || (socket->process == process && socket->attribution >= how)) return;
  socket->pid = bpf_get_current_pid_tgid() >> 32;
  socket->process = process;
  socket->attribution = how;
}

/* A function of its own: hardly ever called. */
static __noinline int flow_user_changed(__u64 cookie) {
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &cookie);
  struct seen *seen = seen_of(cookie);
  if (!socket || !seen) return 0;
  flow_owner(socket, SF_OWNER_USE);
  remember_user(seen, cookie);
  return 0;
}

static __always_inline void flow_socket_used(__u64 cookie) {
  struct seen *seen = seen_of(cookie);
  if (cookie && seen && !is_seen(seen, cookie)) flow_user_changed(cookie);
}

/*
 * Who spoke first began it. A socket that was not bound and has begun something gets answers, from wherever they come. Of
 * sockets older than the agent nobody saw the first datagram: a bound one serves.
 */
static __always_inline __u8 flow_role(const struct flow_socket *socket, const struct sock *sk, bool outgoing) {
  bool is_bound = sk->sk_userlocks & SOCK_BIND_LOCKS;
  bool connected = sk->__sk_common.skc_state == TCP_ESTABLISHED;
  if (socket->existing) return !is_bound ? SF_ROLE_CLIENT : connected ? SF_ROLE_UNKNOWN : SF_ROLE_SERVER;
  if (outgoing) return SF_ROLE_CLIENT;
  return socket->dialled && !is_bound ? SF_ROLE_CLIENT : SF_ROLE_SERVER;
}

static __always_inline void fill_flow(struct flow *f, struct flow_socket *socket, const struct sock *sk,
                                      bool outgoing) {
  f->start_ns = f->last_ns = bpf_ktime_get_boot_ns();
  f->number = __sync_fetch_and_add(&last_flow, 1) + 1;
  f->role = flow_role(socket, sk, outgoing);
  f->local_port = sk->__sk_common.skc_num;
  f->netns = netns_of(&sk->__sk_common);
  if (socket->existing && sk->__sk_common.skc_state == TCP_ESTABLISHED) f->flags |= SF_FLOW_PRE_EXISTING;
  if (f->role == SF_ROLE_CLIENT && outgoing) socket->dialled = 1;
}

/* Of two that begin it at once one does. */
static __always_inline struct flow *flow_of_others(struct flow_socket *socket, const struct sock *sk) {
  struct flow *f = &socket->others;
  __u64 now = bpf_ktime_get_boot_ns();
  if (f->start_ns || __sync_val_compare_and_swap(&f->start_ns, 0, now)) return f;
  count(SF_COUNT_FLOWS);
  f->last_ns = now;
  f->number = __sync_fetch_and_add(&last_flow, 1) + 1;
  f->id = mix(now ^ f->number << 32);
  f->role = SF_ROLE_UNKNOWN;
  f->flags = SF_FLOW_OTHERS;
  f->family = sk->__sk_common.skc_family == AF_INET ? 4 : 6;
  f->local_port = sk->__sk_common.skc_num;
  f->netns = netns_of(&sk->__sk_common);
  return f;
}

/* Is there room for one more peer of this socket, as far as its share goes? */
static __always_inline bool flow_may_begin(const struct flow_socket *socket) {
  return socket->flows < flows_of_a_socket;
}

/* *fresh has all that the packet says. NULL when the table is full. */
static __always_inline struct flow *flow_begin(struct flow_key *key, struct flow *fresh, struct flow_socket *socket,
                                               const struct sock *sk, bool outgoing) {
  fill_flow(fresh, socket, sk, outgoing);
  fresh->family = key->family;
  long refused = bpf_map_update_elem(&flows, key, fresh, BPF_NOEXIST);
  if (!refused) {
    if (__sync_fetch_and_add(&socket->flows, 1) == 0) socket->first = *key;
    count(SF_COUNT_FLOWS);
  }
  return bpf_map_lookup_elem(&flows, key); /* also when another CPU was faster */
}

/* A record, to be submitted or discarded; NULL when the ring is full. key: NULL for all others. */
static __always_inline struct sf_flow *flow_record(const struct flow_key *key, const struct flow *f,
                                                   const struct flow_socket *socket, __u8 event, __u8 reason) {
  struct sf_flow *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) return NULL;
  __builtin_memset(r, 0, sizeof(*r));
  r->kind = SF_KIND_FLOW;
  r->event = event;
  r->length = sizeof(*r);
  r->family = f->family;
  r->role = f->role;
  r->flags = f->flags;
  r->time_ns = bpf_ktime_get_boot_ns();
  r->start_ns = f->start_ns;
  r->last_ns = f->last_ns;
  r->number = f->number | 1ULL << 63;
  r->id = f->id;
  r->local_port = f->local_port;
  r->error = f->error;
  r->netns = f->netns;
  r->interface = f->interface;
  r->sent_bytes = f->sent_bytes;
  r->received_bytes = f->received_bytes;
  r->sent_packets = f->sent_packets;
  r->received_packets = f->received_packets;
  r->reported_sent_bytes = f->reported_sent_bytes;
  r->reported_received_bytes = f->reported_received_bytes;
  r->reported_sent_packets = f->reported_sent_packets;
  r->reported_received_packets = f->reported_received_packets;
  r->reason = reason;
  __builtin_memcpy(r->local_address, f->local, 16);
  if (key) {
    bool translated = f->flags & SF_FLOW_TRANSLATED;
    __builtin_memcpy(r->peer_address, translated ? f->true_peer : key->peer, 16);
    r->peer_port = translated ? f->true_port : key->port;
    __builtin_memcpy(r->original_address, key->peer, 16);
    r->original_port = key->port;
  }
  if (socket) {
    r->pid = socket->pid;
    r->process = socket->process;
    r->attribution = socket->attribution;
  }
  return r;
}

/* Whoever takes it out of the table tells of its end, so that nobody else does. False when the ring is full. */
static __always_inline bool flow_end(const struct flow_key *key, const struct flow *f, struct flow_socket *socket,
                                     __u8 reason) {
  struct sf_flow *r = flow_record(key, f, socket, SF_EVENT_END, reason);
  if (!r) return false;
  if (bpf_map_delete_elem(&flows, key)) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    return true;
  }
  ring_submit(r);
  count(SF_COUNT_FLOWS_CLOSED);
  if (socket) __sync_fetch_and_add(&socket->flows, -1);
  return true;
}

/* The same for all others, which go with their socket. */
static __always_inline bool others_end(struct flow_socket *socket, __u8 reason) {
  struct sf_flow *r = flow_record(NULL, &socket->others, socket, SF_EVENT_END, reason);
  if (!r) return false;
  ring_submit(r);
  count(SF_COUNT_FLOWS_CLOSED);
  __builtin_memset(&socket->others, 0, sizeof(socket->others));
  return true;
}

/*
 * Process context: the last of its descriptors was closed. The many sockets with one peer end here; what others have is
 * looked for by user space. The socket itself is remembered a little longer, for a datagram that is just arriving.
 */
static __always_inline void flow_socket_closed(__u64 cookie) {
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &cookie);
  if (!socket || socket->closed) return;
  if (!socket->process) flow_owner(socket, SF_OWNER_RELEASE);
  struct flow *f = socket->flows == 1 ? bpf_map_lookup_elem(&flows, &socket->first) : NULL;
  if (f) flow_end(&socket->first, f, socket, SF_REASON_CLOSED);
  socket->closed = 1;
  __sync_fetch_and_add(&sockets_to_collect, 1);
}

#endif
