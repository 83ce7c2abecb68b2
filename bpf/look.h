/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Looking at the connection table: what lives, what moved, and whose end was missed. Called by user space, stretch by
 * stretch, so that the CPU is free in between, and so that it can read the ring: a stretch stops when that is half full,
 * which leaves the other half to what happens meanwhile. An iterator would take ten times as long for each slot.
 */
#ifndef SOCKFLOW_LOOK_H
#define SOCKFLOW_LOOK_H

#include "attempt.h"
#include "emit.h"
#include "retransmit.h"

const volatile bool emit_updates = false; /* report live connections that moved? */
const volatile bool idle_updates = false; /* those that did not, too? */

/*
 * Its end was missed. The socket is told of as it is, if it is still there; from which state it came nobody knows.
 */
static __always_inline void end_missed(struct connection *c, const struct tcp_sock *tp, bool gone) {
  __u64 key = (__u64)tp;
  if (!gone) {
    rest_of_retransmits(tp, c, 0);
    if (connection_end(tp, c, 0, SF_FLAG_LATE)) count(SF_COUNT_LATE);
  } else if (connection_take(c, key)) {
    connection_forget(c, key);
    count(SF_COUNT_LOST_MISSED);
  }
}

/*
 * Not what is just being made: CLOSE is what connect still finds, and what is stored after the hook has seen the end. That
 * takes microseconds, or as long as the CPU is taken away meanwhile.
 */
static __always_inline bool is_time_to_end(const struct connection *c, const struct sf_look *ask) {
  if (ask->task == SF_LOOK_COUNT) return false;
  return bpf_ktime_get_boot_ns() - c->start_ns >= (ask->task == SF_LOOK_LAST ? SECOND / 50 : SECOND);
}

static __always_inline bool moved(const struct connection *c, const struct tcp_sock *tp) {
  const struct totals *reported = &c->reported[c->sk & 1];
  return c->round == UNTOLD || tp->segs_in != reported->received_packets || tp->segs_out != reported->sent_packets;
}

/* False: read the ring first, then look at this one again. */
static __always_inline bool look_at(struct connection *c, struct sf_look *ask) {
  __u64 key = c->sk & ~SLOT_TURN;
  if (key == SLOT_FREE || key == SLOT_TAKEN || is_attempt(c)) return true;
  const struct tcp_sock *tp = bpf_rdonly_cast((void *)key, bpf_core_type_id_kernel(struct tcp_sock));
  const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  /* The socket may be gone and its memory in use by another one. */
  bool gone = cookie_of(sk) != c->cookie, over = gone || sk->__sk_common.skc_state == TCP_CLOSE;
  if (over && is_time_to_end(c, ask)) {
    if (!ring_has_room()) return false;
    end_missed(c, tp, gone);
    return true;
  }
  ask->live++;
  if (over || !emit_updates || ask->task != SF_LOOK_REPORT || c->round == ask->round) return true;
  if (!(c->flags & SF_FLAG_ESTABLISHED)) return true;
  if (moved(c, tp) || idle_updates)
    if (!ring_has_room() || !emit_standing(tp, c, SF_EVENT_UPDATE)) return false;
  c->round = ask->round;
  return true;
}

static long look(__u32 index, struct sf_look *ask) {
  __u32 slot = ask->first + index;
  struct connection *c = bpf_map_lookup_elem(&slots, &slot);
  if (c && !look_at(c, ask)) return 1;
  ask->next = slot + 1;
  return 0;
}

/* From its beginning each time; the round tells what was seen to. */
static long look_overflow(void *map, __u64 *key, struct connection *c, struct sf_look *ask) {
  if (look_at(c, ask)) return 0;
  ask->next = ask->first;
  return 1;
}

#endif
