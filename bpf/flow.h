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
  __u64 start_ns; /* 0: there is none (the flow of all others, in struct flow_socket) */
  __u64 last_ns;
  __u64 sent_bytes;
  __u64 received_bytes;
  __u64 sent_packets;
  __u64 received_packets;
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
};

struct flow_socket {
  __u32 pid;
  __u32 process;
  __u8 attribution;
  __u8 closed;
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

/* Whoever sends, or takes what came: a few loads when it is the same as the last time. */
static __always_inline void flow_owner(struct flow_socket *socket, enum sf_attribution how) {
  __u32 process = current_process();
  if (!process || (socket->process == process && socket->attribution >= how)) return;
  socket->pid = bpf_get_current_pid_tgid() >> 32;
  socket->process = process;
  socket->attribution = how;
}

static __always_inline void flow_socket_used(__u64 cookie) {
  struct seen *seen = seen_of(cookie);
  if (!cookie || !seen || is_seen(seen, cookie)) return;
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &cookie);
  if (!socket) return;
  flow_owner(socket, SF_OWNER_USE);
  remember_user(seen, cookie);
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
  f->netns = sk->__sk_common.skc_net.net->ns.inum;
  if (socket->existing && sk->__sk_common.skc_state == TCP_ESTABLISHED) f->flags |= SF_FLOW_PRE_EXISTING;
  if (f->role == SF_ROLE_CLIENT && outgoing) socket->dialled = 1;
}

static __always_inline struct flow *flow_of_others(struct flow_socket *socket, const struct sock *sk) {
  struct flow *f = &socket->others;
  if (f->start_ns) return f;
  fill_flow(f, socket, sk, false);
  f->role = SF_ROLE_UNKNOWN;
  f->id = mix(f->start_ns ^ f->number << 32);
  f->flags = SF_FLOW_OTHERS;
  count(SF_COUNT_FLOWS);
  return f;
}

/* *fresh has all that the packet says. NULL when there is no room for the socket. */
static __always_inline struct flow *flow_begin(struct flow_key *key, struct flow *fresh, const struct sock *sk,
                                               bool outgoing, __u32 packets) {
  struct flow_socket *socket = flow_socket_get(key->cookie);
  if (!socket) {
    count_more(SF_COUNT_LOST_DATAGRAMS, packets);
    return NULL;
  }
  fill_flow(fresh, socket, sk, outgoing);
  if (socket->flows < flows_of_a_socket) {
    long refused = bpf_map_update_elem(&flows, key, fresh, BPF_NOEXIST);
    struct flow *f = bpf_map_lookup_elem(&flows, key);
    if (!refused) {
      if (__sync_fetch_and_add(&socket->flows, 1) == 0) socket->first = *key;
      count(SF_COUNT_FLOWS);
    }
    if (f) return f;
  }
  count_more(SF_COUNT_FOLDED_DATAGRAMS, packets);
  return flow_of_others(socket, sk);
}

/* False when the ring is full. */
static __always_inline bool emit_flow(const struct flow_key *key, const struct flow *f,
                                      const struct flow_socket *socket, __u8 event, __u8 reason) {
  struct sf_flow *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) return false;
  __builtin_memset(r, 0, sizeof(*r));
  r->kind = SF_KIND_FLOW;
  r->event = event;
  r->length = sizeof(*r);
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
    r->family = key->family;
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
  ring_submit(r);
  return true;
}

static __always_inline void flow_gone(struct flow_socket *socket) {
  count(SF_COUNT_FLOWS_CLOSED);
  if (socket) __sync_fetch_and_add(&socket->flows, -1);
}

/*
 * Process context: the last of its descriptors was closed. The many sockets with one peer end here; others are looked for
 * in the table by user space.
 */
static __always_inline void flow_socket_closed(__u64 cookie) {
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &cookie);
  if (!socket || socket->closed) return;
  if (!socket->process) flow_owner(socket, SF_OWNER_RELEASE);
  if (!socket->others.start_ns && socket->flows <= 1) {
    if (!socket->flows) {
      bpf_map_delete_elem(&flow_sockets, &cookie);
      return;
    }
    struct flow *f = bpf_map_lookup_elem(&flows, &socket->first);
    if (f && emit_flow(&socket->first, f, socket, SF_EVENT_END, SF_REASON_CLOSED)) {
      bpf_map_delete_elem(&flows, &socket->first);
      flow_gone(socket);
      bpf_map_delete_elem(&flow_sockets, &cookie);
      return;
    }
  }
  socket->closed = 1;
  __sync_fetch_and_add(&sockets_to_collect, 1);
}

#define NO_REASON 0

static __always_inline __u8 end_reason(const struct flow *f, const struct flow_socket *socket,
                                       const struct sf_flow_look *ask) {
  if (!socket || socket->closed) return SF_REASON_CLOSED;
  if (ask->task == SF_FLOWS_STOP) return SF_REASON_STOP;
  return f->last_ns < ask->idle_since_ns ? SF_REASON_IDLE : NO_REASON;
}

static __always_inline void report_flow(const struct flow_key *key, struct flow *f, const struct flow_socket *socket,
                                        bool even_idle) {
  struct flow copy = *f; /* what the record says is what is remembered, whatever comes meanwhile */
  bool moved =
      copy.sent_packets != copy.reported_sent_packets || copy.received_packets != copy.reported_received_packets;
  if (!moved && !even_idle) return;
  if (!emit_flow(key, &copy, socket, SF_EVENT_UPDATE, NO_REASON)) return count(SF_COUNT_DROPPED_EVENTS);
  f->reported_sent_bytes = copy.sent_bytes;
  f->reported_received_bytes = copy.received_bytes;
  f->reported_sent_packets = copy.sent_packets;
  f->reported_received_packets = copy.received_packets;
}

/* True when it has ended and that is told. */
static __always_inline bool look_at_flow(const struct flow_key *key, struct flow *f, struct flow_socket *socket,
                                         struct sf_flow_look *ask) {
  __u8 reason = ask->task == SF_FLOWS_COUNT ? NO_REASON : end_reason(f, socket, ask);
  if (reason) {
    if (emit_flow(key, f, socket, SF_EVENT_END, reason)) return true;
    ask->waiting++;
  }
  ask->live++;
  if (!reason && ask->task >= SF_FLOWS_REPORT) report_flow(key, f, socket, ask->task == SF_FLOWS_REPORT_ALL);
  return false;
}

static long look_at_each_flow(void *map, struct flow_key *key, struct flow *f, struct sf_flow_look *ask) {
  struct flow_key copy = *key;
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &copy.cookie);
  if (!look_at_flow(&copy, f, socket, ask)) return 0;
  bpf_map_delete_elem(&flows, &copy);
  flow_gone(socket);
  return 0;
}

/* Comes after the flows: a closed socket whose flows have all ended is done with. */
static long look_at_each_socket(void *map, __u64 *key, struct flow_socket *socket, struct sf_flow_look *ask) {
  __u64 cookie = *key;
  if (socket->others.start_ns && look_at_flow(NULL, &socket->others, socket, ask)) {
    count(SF_COUNT_FLOWS_CLOSED);
    __builtin_memset(&socket->others, 0, sizeof(socket->others));
  }
  if (ask->task == SF_FLOWS_COUNT || !socket->closed || socket->flows || socket->others.start_ns) return 0;
  if (!bpf_map_delete_elem(&flow_sockets, &cookie)) __sync_fetch_and_add(&sockets_to_collect, -1);
  return 0;
}

#endif
