/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Resets, when an output shows them. The kernel sends the reset of a connection that is dropped here just after the
 * socket has reached CLOSE, when the connection table has forgotten it: so the last one that ended without a FIN is kept
 * for each CPU. A reset that answers a segment for no connection (no listener, one that had ended) is a record without an
 * owner: with these there are as many as the kernel counts (OutRsts).
 */
#ifndef SOCKFLOW_RESET_H
#define SOCKFLOW_RESET_H

#include "attempt.h"
#include "emit.h"
#include "flood.h"
#include "segment.h"

const volatile bool emit_resets = false;
const volatile bool reset_has_reason = false; /* 6.10 and later (b533fb9cf4f7): the tracepoint says why */

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct connection);
} last_dropped SEC(".maps");

static __always_inline void remember_dropped(const struct sock *sk, const struct connection *c) {
  __u32 zero = 0;
  struct connection *last = bpf_map_lookup_elem(&last_dropped, &zero);
  if (!last) return;
  *last = *c;
  last->sk = (__u64)sk;
}

static __always_inline struct connection *reset_connection(const struct sock *sk, __u64 cookie) {
  struct connection *c = connection_get(sk, cookie);
  if (c) return c;
  __u32 zero = 0;
  struct connection *last = bpf_map_lookup_elem(&last_dropped, &zero);
  return last && last->cookie == cookie && last->sk == (__u64)sk ? last : NULL;
}

/* False when it belongs to no connection that is followed. */
static __always_inline bool reset_of_connection(const struct sock *sk, __u8 event, __u32 reason) {
  __u8 state = sk->__sk_common.skc_state;
  /* Neither a request nor what remains in TIME_WAIT is a connection. */
  if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV || state == TCP_LISTEN) return false;
  struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
  if (!tp) return false;
  struct connection *c = reset_connection(sk, cookie_of(sk));
  if (!c) return false;
  struct particulars what = {.detail = reason, .segments = 1};
  if (!emit_with(tp, c, event, state, &what)) count(SF_COUNT_DROPPED_EVENTS);
  return true;
}

/* sk: NULL, the listener that did not like it, what remains in TIME_WAIT, or a socket that is not followed. */
static __always_inline void reset_of_nobody(const struct sock *sk, const struct sk_buff *skb, __u32 reason) {
  /* Before 6.14 the verifier thinks that sk is never NULL; reading from NULL gives 0 there. */
  __u8 state = sk ? sk->__sk_common.skc_state : 0;
  bool from_segment = !state || state == TCP_LISTEN;
  struct sf_connection r;
  fill_bare(&r, SF_EVENT_RESET_SENT);
  r.state = state ? state : TCP_CLOSE;
  r.detail = reason;
  r.segments = 1;
  if (from_segment && skb) {
    endpoints_of_segment(&r, skb);
  } else if (sk) {
    fill_endpoints(&r, &sk->__sk_common);
    r.local_port = sk->__sk_common.skc_num;
    r.cookie = cookie_of(sk);
  }
  if (only_netns && r.netns != only_netns) return;
  if (from_segment && flooded(&r, state ? sk : NULL)) return;
  r.id = mix(r.time_ns ^ ((__u64)r.peer_port << 48 | (__u64)r.local_port << 32));
  if (bpf_ringbuf_output(&ring, &r, sizeof(r), BPF_RB_NO_WAKEUP)) count(SF_COUNT_DROPPED_EVENTS);
}

static __always_inline void reset_was_sent(const struct sock *sk, const struct sk_buff *skb, __u32 reason) {
  if (!sk || !reset_of_connection(sk, SF_EVENT_RESET_SENT, reason)) reset_of_nobody(sk, skb, reason);
}

#endif
