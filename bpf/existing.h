/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Connections and listeners older than the agent, found at start by looking at the open files of all processes. The
 * hooks are attached by then, so a connection that begins meanwhile is there already, and one that ends is seen to.
 *
 * Looked for again when connections found no room in the table: those that still live are followed from then on. Each of
 * them was counted as lost when it began, and counts once more, as found.
 */
#ifndef SOCKFLOW_EXISTING_H
#define SOCKFLOW_EXISTING_H

#include "drop.h"
#include "emit.h"
#include "owner.h"

static __always_inline bool fin_sent(__u8 state) {
  return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/*
 * The client's SYN takes one number of the sequence that is counted as acknowledged, the server's is not: what was sent
 * beyond payload and FIN tells who dialled.
 */
static __always_inline __u8 role_of(const struct tcp_sock *tp, __u8 state) {
  if (state == TCP_SYN_SENT) return SF_ROLE_CLIENT;
  __u32 begin = tp->snd_una - (__u32)tp->bytes_acked;
  __u32 payload = tp->bytes_sent - tp->bytes_retrans;
  __u32 more = tp->snd_nxt - begin - payload - fin_sent(state);
  return more == 1 ? SF_ROLE_CLIENT : more == 0 ? SF_ROLE_SERVER : SF_ROLE_UNKNOWN;
}

bool looking_again = false; /* for what had no room; user space sets it, as the next one */
__u64 homeless = 0;         /* connections that had no room this time either */

/* What had no room is counted as lost once: when it began, or when it was found at start. False: no room. */
static __always_inline bool find_room(const struct sock *sk, struct connection *fresh) {
  bool room = connection_create(sk, fresh);
  if (room || !looking_again) count(SF_COUNT_FOUND);
  if (room) return true;
  if (!looking_again) count(SF_COUNT_LOST_TABLE);
  __sync_fetch_and_add(&homeless, 1);
  return false;
}

static __always_inline void connection_found(struct sock *sk, struct tcp_sock *tp, __u32 pid, __u32 process) {
  __u64 cookie = bpf_get_socket_cookie(sk);
  /* A new one, or open in another process too; or it has ended, and its state is about to say so. */
  if (connection_get(sk, cookie) || has_just_ended(cookie)) return;
  __u8 state = sk->__sk_common.skc_state;
  if (state == TCP_CLOSE) return;
  struct connection fresh = {
      .cookie = cookie,
      .start_ns = bpf_ktime_get_boot_ns(),
      .pid = pid,
      .process = process,
      .role = role_of(tp, state),
      .attribution = process ? SF_OWNER_SNAPSHOT : SF_OWNER_NONE,
      .reported_retransmits = tp->total_retrans,
      .flags = SF_FLAG_PRE_EXISTING | (state == TCP_SYN_SENT ? 0 : SF_FLAG_ESTABLISHED),
      .round = UNTOLD,
  };
  if (fresh.flags & SF_FLAG_ESTABLISHED) fresh.id = connection_id(tp, fresh.role);
  fill_totals(&fresh.reported[0], tp);
  if (!find_room(sk, &fresh)) return;
  struct connection *c = connection_get(sk, cookie);
  if (!c) return; /* it has ended, and that was seen to */
  /* It ended between the first look and the entry in the table, which its hook did not find: end it here. */
  if (sk->__sk_common.skc_state == TCP_CLOSE)
    connection_end(tp, c, state, 0);
  else if (ring_has_room() && emit_standing(tp, c, SF_EVENT_FOUND))
    c->round = 0;
}

static __always_inline void socket_found(struct sock *sk, struct task_struct *task) {
  __u64 leader = 0;
  bpf_core_read(&leader, sizeof(leader), &task->group_leader);
  __u8 state = sk->__sk_common.skc_state;
  if (state == TCP_CLOSE || state == TCP_TIME_WAIT) return;
  struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
  if (!tp) return;
  __u32 process = process_of(READABLE(task), leader);
  if (state != TCP_LISTEN) {
    connection_found(sk, tp, task->tgid, process);
  } else if (!looking_again) {
    listener_begin(sk, task->tgid, process);
    listener_watch(sk);
  }
}

#endif
