/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A record of a connection, filled from its tcp_sock: the kernel's own counters, read once, nothing counted twice. */
#ifndef SOCKFLOW_EMIT_H
#define SOCKFLOW_EMIT_H

#include "connection.h"
#include "owner.h"
#include "ring.h"

static __always_inline __u64 mix(__u64 x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

/* Each number one above the initial one. Smaller one first, so that no end has to know its role. */
static __always_inline __u64 id_of_numbers(__u32 local, __u32 remote) {
  __u64 low = local < remote ? local : remote, high = local < remote ? remote : local;
  return mix(high << 32 | low);
}

/* The initial sequence number, plus one. */
static __always_inline __u32 first_sequence(const struct tcp_sock *tp, __u8 role) {
  return tp->snd_una - (__u32)tp->bytes_acked + (role == SF_ROLE_CLIENT);
}

/*
 * The same on both ends: made of the two initial sequence numbers (plus one), which follow from the counters at any
 * time of the life.
 */
static __always_inline __u64 connection_id(const struct tcp_sock *tp, __u8 role) {
  __u32 local = first_sequence(tp, role);
  __u32 remote = tp->rcv_nxt - (__u32)tp->bytes_received;
  return id_of_numbers(local, remote);
}

/* A connect that never got an answer has no second number; its start time stands in. */
static __always_inline __u64 unanswered_id(const struct tcp_sock *tp, const struct connection *c) {
  return mix(c->start_ns ^ (__u64)first_sequence(tp, c->role) << 32);
}

/* All but the local port, which a socket has in another place than a request. */
static __always_inline void fill_endpoints(struct sf_connection *r, const struct sock_common *common) {
  const __be32 *local = common->skc_v6_rcv_saddr.in6_u.u6_addr32;
  const __be32 *peer = common->skc_v6_daddr.in6_u.u6_addr32;
  __be32 *to_local = (__be32 *)r->local_address, *to_peer = (__be32 *)r->peer_address;

  r->peer_port = bpf_ntohs(common->skc_dport);
  r->netns = netns_of(common);
  if (common->skc_family == AF_INET) {
    r->family = 4;
    to_local[0] = common->skc_rcv_saddr;
    to_peer[0] = common->skc_daddr;
  } else if (peer[0] == 0 && peer[1] == 0 && peer[2] == bpf_htonl(0xffff)) {
    r->family = 4;
    to_local[0] = local[3];
    to_peer[0] = peer[3];
  } else {
    r->family = 6;
    to_local[0] = local[0], to_local[1] = local[1], to_local[2] = local[2], to_local[3] = local[3];
    to_peer[0] = peer[0], to_peer[1] = peer[1], to_peer[2] = peer[2], to_peer[3] = peer[3];
  }
}

/*
 * By which the last segment came, when the socket remembers that: servers do, of clients it depends on what came. Else by
 * which the next one would leave.
 */
static __always_inline __u32 interface_of(const struct tcp_sock *tp) {
  const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  __u32 index = bpf_core_field_exists(sk->sk_rx_dst_ifindex)
                    ? sk->sk_rx_dst_ifindex
                    : BPF_CORE_READ((struct inet_sock___before_5_17 *)tp, rx_dst_ifindex);
  if (index) return index;
  struct dst_entry *route = sk->sk_dst_cache;
  return route ? route->dev->ifindex : sk->__sk_common.skc_bound_dev_if;
}

static __always_inline __u32 fin_received(const struct tcp_sock *tp) {
  return !!(tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags & SOCK_DONE_BIT);
}

static __always_inline void fill_totals(struct totals *t, const struct tcp_sock *tp) {
  t->sent_bytes = tp->bytes_sent - tp->bytes_retrans;
  /* bytes_received counts the peer's FIN as one byte; SOCK_DONE is set exactly when it came. */
  t->received_bytes = tp->bytes_received - fin_received(tp);
  t->sent_packets = tp->segs_out;
  t->received_packets = tp->segs_in;
}

static __always_inline void fill_counters(struct sf_connection *r, const struct tcp_sock *tp) {
  r->retransmits = tp->total_retrans;
  r->lost = tp->lost;
  r->reordering = tp->reordering;
  r->rtt_us = tp->srtt_us >> 3;
  r->rtt_variation_us = r->rtt_us ? tp->mdev_us >> 2 : 0;
  r->rtt_min_us = tp->rtt_min.s[0].v == ~0U ? 0 : tp->rtt_min.s[0].v;
  r->busy_ms = tp->chrono_stat[0];
  r->receive_window_limited_ms = tp->chrono_stat[1];
  r->send_buffer_limited_ms = tp->chrono_stat[2];
  if (fin_received(tp)) r->flags |= SF_FLAG_PEER_FIN;
}

const volatile bool tcp_details = false; /* does any output want sf_details? */

struct detailed {
  struct sf_connection connection;
  struct sf_details details;
};

static __always_inline void fill_details(struct sf_details *d, const struct tcp_sock *tp) {
  d->congestion_window = tp->snd_cwnd;
  d->mss = tp->mss_cache;
  d->unsent_bytes = tp->write_seq - tp->snd_nxt;
  d->unacked_bytes = tp->snd_nxt - tp->snd_una;
  d->out_of_order = tp->rcv_ooopack;
  d->send_window = tp->snd_wnd;
  __u32 interval = tp->rate_interval_us;
  d->delivery_rate = interval ? (__u64)tp->rate_delivered * tp->mss_cache * 1000000 / interval : 0;
}

static __always_inline __u64 mptcp_id(const struct tcp_sock *tp) {
  if (!tp->is_mptcp) return 0;
  struct mptcp_subflow_context *subflow = tp->inet_conn.icsk_ulp_data;
  struct mptcp_sock *whole = (void *)BPF_CORE_READ(subflow, conn);
  __u64 local = BPF_CORE_READ(whole, local_key), remote = BPF_CORE_READ(whole, remote_key);
  return local < remote ? mix(mix(local) ^ remote) : mix(mix(remote) ^ local);
}

/* What an event of a segment has beyond its connection; see sf_connection. */
struct particulars {
  __u32 detail;
  __u32 segments;
  __u8 flags;
};

/* A record, or NULL when the ring is full: the caller counts that, since it knows what it costs. */
static __always_inline struct sf_connection *fill_record(const struct tcp_sock *tp, const struct connection *c,
                                                         __u8 event, __u8 state, const struct totals *now) {
  const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  struct sf_connection *r = NULL;
  if (tcp_details) {
    struct detailed *both = bpf_ringbuf_reserve(&ring, sizeof(*both), 0);
    if (!both) return NULL;
    fill_details(&both->details, tp);
    r = &both->connection;
    r->length = sizeof(*both);
  } else {
    r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
    if (!r) return NULL;
    r->length = sizeof(*r);
  }

  r->kind = SF_KIND_CONNECTION;
  r->event = event;
  r->role = c->role;
  r->attribution = c->attribution;
  r->state = state;
  r->time_ns = bpf_ktime_get_boot_ns();
  r->start_ns = c->start_ns;
  r->cookie = c->cookie;
  r->id = c->flags & SF_FLAG_ESTABLISHED ? c->id : unanswered_id(tp, c);
  r->pid = c->pid;
  r->process = c->process;
  r->handshake_us = c->handshake_us;
  r->error = sk->sk_err ? sk->sk_err : c->error;
  r->shutdown = sk->sk_shutdown;
  r->flags = c->flags;
  r->detail = 0;
  r->mptcp_id = mptcp_id(tp);
  r->interface = interface_of(tp);
  r->segments = 0;
  fill_endpoints(r, &sk->__sk_common);
  /* skc_num is 0 already at CLOSE, inet_sport still holds the port. */
  r->local_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
  r->sent_bytes = now->sent_bytes;
  r->received_bytes = now->received_bytes;
  r->sent_packets = now->sent_packets;
  r->received_packets = now->received_packets;
  fill_counters(r, tp);
  return r;
}

static __always_inline void fill_reported(struct sf_connection *r, const struct totals *before) {
  r->reported_sent_bytes = before->sent_bytes;
  r->reported_received_bytes = before->received_bytes;
  r->reported_sent_packets = before->sent_packets;
  r->reported_received_packets = before->received_packets;
}

/* Something that happens to a connection. False when the ring is full. */
static __always_inline bool emit_with(const struct tcp_sock *tp, const struct connection *c, __u8 event, __u8 state,
                                      const struct particulars *what) {
  struct totals now;
  fill_totals(&now, tp);
  struct sf_connection *r = fill_record(tp, c, event, state, &now);
  if (!r) return false;
  r->detail = what->detail;
  r->segments = what->segments;
  r->flags |= what->flags;
  fill_reported(r, &now);
  ring_submit(r);
  return true;
}

/* A record of what is no socket of its own. */
static __always_inline void fill_bare(struct sf_connection *r, __u8 event) {
  __builtin_memset(r, 0, sizeof(*r));
  r->kind = SF_KIND_CONNECTION;
  r->event = event;
  r->length = sizeof(*r);
  r->time_ns = r->start_ns = bpf_ktime_get_boot_ns();
}

/* To be filled and submitted. NULL, and counted, when the ring is full. */
static __always_inline struct sf_connection *bare_record(__u8 event) {
  struct sf_connection *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (r)
    fill_bare(r, event);
  else
    count(SF_COUNT_DROPPED_EVENTS);
  return r;
}

/* Its owner is that of the listener. */
static __always_inline void owned_by_listener(struct sf_connection *r, const struct sock *listener) {
  struct connection owner = {};
  owner_from_listener(&owner, listener);
  r->role = SF_ROLE_SERVER;
  r->attribution = owner.attribution;
  r->pid = owner.pid;
  r->process = owner.process;
}

static __always_inline bool emit(const struct tcp_sock *tp, const struct connection *c, __u8 event, __u8 state) {
  struct particulars none = {};
  return emit_with(tp, c, event, state, &none);
}

static __always_inline bool emit_end(const struct tcp_sock *tp, const struct connection *c, __u8 state,
                                     const struct totals *before) {
  struct totals now;
  fill_totals(&now, tp);
  struct sf_connection *r = fill_record(tp, c, SF_EVENT_END, state, &now);
  if (!r) return false;
  fill_reported(r, before);
  ring_submit(r);
  return true;
}

/* Where it stands: an update, or that it was found. False when the ring is full. */
static __always_inline bool emit_standing(const struct tcp_sock *tp, struct connection *c, __u8 event) {
  __u64 before = c->sk, after = before ^ SLOT_TURN;
  if ((before & ~SLOT_TURN) != (__u64)tp) return true; /* it has ended meanwhile */
  struct totals *now = &c->reported[after & 1];
  fill_totals(now, tp);
  struct sf_connection *r = fill_record(tp, c, event, tp->inet_conn.icsk_inet.sk.__sk_common.skc_state, now);
  if (!r) return false;
  fill_reported(r, &c->reported[before & 1]);
  /* Its end, which is told behind this record, knows what was reported; or it is told already, and comes last. */
  if (__sync_val_compare_and_swap(&c->sk, before, after) == before)
    ring_submit(r);
  else
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
  return true;
}

/* Tells its end, unless somebody else does. state: the one before; more: flags for the record. False: it was told. */
static __always_inline bool connection_end(const struct tcp_sock *tp, struct connection *c, __u8 state, __u8 more) {
  __u64 key = (__u64)tp;
  struct totals *before = connection_take(c, key);
  if (!before) return false;
  c->flags |= more;
  count(emit_end(tp, c, state, before) ? SF_COUNT_CLOSED : SF_COUNT_LOST_RING);
  connection_forget(c, key);
  return true;
}

#endif
