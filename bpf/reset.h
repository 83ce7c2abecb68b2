/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Resets, when an output shows them. The kernel sends the reset of a connection that is dropped here just after the
 * socket has reached CLOSE, when the connection table has forgotten it: so the last one that ended without a FIN is kept
 * for each CPU.
 */
#ifndef SOCKFLOW_RESET_H
#define SOCKFLOW_RESET_H

#include "emit.h"

const volatile bool emit_resets = false;
const volatile bool reset_has_reason = false; /* 6.10 and later (b533fb9cf4f7): the tracepoint says why */

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct connection);
} last_dropped SEC(".maps");

static __always_inline void remember_dropped(const struct connection *c) {
  __u32 zero = 0;
  struct connection *last = bpf_map_lookup_elem(&last_dropped, &zero);
  if (last) *last = *c;
}

static __always_inline struct connection *reset_connection(const struct sock *sk, __u64 cookie) {
  struct connection *c = connection_get(sk, cookie);
  if (c) return c;
  __u32 zero = 0;
  struct connection *last = bpf_map_lookup_elem(&last_dropped, &zero);
  return last && last->cookie == cookie && last->sk == (__u64)sk ? last : NULL;
}

static __always_inline void reset_event(struct sock *sk, __u8 event, __u32 reason) {
  __u8 state = sk->__sk_common.skc_state;
  /* Neither a request nor what remains in TIME_WAIT is a connection. */
  if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV || state == TCP_LISTEN) return;
  struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
  if (!tp) return;
  struct connection *c = reset_connection(sk, sk->__sk_common.skc_cookie.counter);
  if (c && !emit_with(tp, c, event, state, reason)) count(SF_COUNT_DROPPED_EVENTS);
}

#endif
