/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Looking at the connection table: what lives, what moved, and whose end was missed. */
#ifndef SOCKFLOW_LOOK_H
#define SOCKFLOW_LOOK_H

#include "attempt.h"
#include "emit.h"

const volatile bool idle_updates = false; /* report live connections that did not move, too? */

#define SECOND 1000000000ULL

/* Its end was missed by both programs: counted, and forgotten. Not what is just being made: CLOSE is stored later. */
static __always_inline void end_missed(struct connection *c, __u64 key) {
  if (bpf_ktime_get_boot_ns() - c->start_ns > SECOND && connection_forget(c, key)) count(SF_COUNT_LOST_MISSED);
}

static __always_inline void report_if_moved(struct connection *c, struct tcp_sock *tp) {
  struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  __u32 segments = tp->segs_in + tp->segs_out;
  if (segments == c->reported_segments && !idle_updates) return;
  if (emit(tp, c, SF_EVENT_UPDATE, sk->__sk_common.skc_state))
    c->reported_segments = segments;
  else
    count(SF_COUNT_DROPPED_EVENTS);
}

static __always_inline void look_at(struct connection *c, struct sf_look *ask) {
  if (!c->sk || is_attempt(c)) return;
  __u64 key = c->sk;
  struct tcp_sock *tp = bpf_rdonly_cast((void *)key, bpf_core_type_id_kernel(struct tcp_sock));
  struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  /* The socket may be gone and its memory in use by another one. */
  if (cookie_of(sk) != c->cookie || sk->__sk_common.skc_state == TCP_CLOSE) return end_missed(c, key);
  ask->live++;
  if (ask->report && c->flags & SF_FLAG_ESTABLISHED) report_if_moved(c, tp);
}

/*
 * Looks at a stretch of the connection table: counts what lives and, for a snapshot, reports what moved since the last
 * one, through the ring. Called by user space, stretch by stretch, so that the CPU is free in between. An iterator would
 * take ten times as long for each slot.
 */
static long look(__u32 index, struct sf_look *ask) {
  __u32 slot = ask->first + index;
  struct connection *c = bpf_map_lookup_elem(&slots, &slot);
  if (c) look_at(c, ask);
  return 0;
}

static long look_overflow(void *map, __u64 *key, struct connection *c, struct sf_look *ask) {
  look_at(c, ask);
  return 0;
}

#endif
