/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The life of a TCP connection, state change by state change. */
#ifndef SOCKFLOW_LIFE_H
#define SOCKFLOW_LIFE_H

#include "attempt.h"
#include "drop.h"
#include "emit.h"
#include "owner.h"
#include "reset.h"
#include "retransmit.h"

const volatile bool emit_open = false; /* does any output want open records? */

/* A connection of this socket whose end was missed, and which is in the way of the next one. */
static __always_inline void leftover(struct connection *c, __u64 key) {
  if (!connection_take(c, key)) return;
  connection_forget(c, key);
  count(SF_COUNT_LOST_MISSED);
}

/* Process context: connect is sending a SYN, and current is who called it. */
static __always_inline void client_begins(struct sock *sk) {
  __u64 cookie = bpf_get_socket_cookie(sk);
  struct connection *noted = connection_get(sk, cookie);
  if (noted && is_attempt(noted)) {
    noted->flags = 0;
    noted->reported_retransmits = 0;
    count(SF_COUNT_CONNECTS);
    return;
  }
  if (noted && noted->role == SF_ROLE_CLIENT && !(noted->flags & SF_FLAG_ESTABLISHED)) return; /* seen to already */
  if (noted) leftover(noted, (__u64)sk);
  struct connection c = {.role = SF_ROLE_CLIENT, .start_ns = bpf_ktime_get_boot_ns(), .cookie = cookie};
  owner_by_opening(&c);
  connection_begin(sk, &c, SF_COUNT_CONNECTS);
}

static __always_inline void opened(struct tcp_sock *tp, struct connection *c) {
  if (emit_open && !emit(tp, c, SF_EVENT_OPEN, TCP_ESTABLISHED)) count(SF_COUNT_DROPPED_EVENTS);
}

static __always_inline void client_established(struct tcp_sock *tp, struct connection *c) {
  if (c->flags & SF_FLAG_ESTABLISHED) return; /* seen to already */
  /* When it was found under way nobody knows when it began. */
  if (!(c->flags & SF_FLAG_PRE_EXISTING)) c->handshake_us = (bpf_ktime_get_boot_ns() - c->start_ns) / 1000;
  c->id = connection_id(tp, c->role);
  c->flags |= SF_FLAG_ESTABLISHED;
  opened(tp, c);
}

/* Softirq: the peer's last ACK came. Nobody has called accept yet. */
static __always_inline void server_established(struct sock *sk, struct tcp_sock *tp) {
  struct connection c = {
      .role = SF_ROLE_SERVER,
      .flags = SF_FLAG_ESTABLISHED,
      .start_ns = bpf_ktime_get_boot_ns(),
      .cookie = bpf_get_socket_cookie(sk),
      .reported_retransmits = tp->total_retrans, /* SYN-ACKs */
      .id = connection_id(tp, SF_ROLE_SERVER),
  };
  owner_from_listener(&c, sk);
  connection_begin(sk, &c, SF_COUNT_ACCEPTS);
  opened(tp, &c);
}

/*
 * An ICMP error that came while connect() still held the socket leaves it in SYN_SENT, and the socket forgets it when the
 * program asks (SO_ERROR): closed then, it would look as if the program had given up by itself. The message is still there.
 */
static __always_inline void remember_unread_error(struct sock *sk, struct connection *c) {
  if (sk->sk_err || !sk->sk_error_queue.qlen) return;
  struct sk_buff *message = BPF_CORE_READ(sk, sk_error_queue.next);
  struct sock_exterr_skb *error = (void *)message + bpf_core_field_offset(struct sk_buff, cb);
  c->error = BPF_CORE_READ(error, ee.ee_errno);
}

static __always_inline void ended(struct sock *sk, struct tcp_sock *tp, int oldstate) {
  struct connection *c = connection_get(sk, cookie_of(sk));
  if (!c) return;
  if (oldstate == TCP_SYN_SENT) remember_unread_error(sk, c);
  if (emit_resets && oldstate != TCP_LAST_ACK) remember_dropped(sk, c);
  rest_of_retransmits(tp, c, oldstate);
  connection_end(tp, c, oldstate, 0);
}

/* An accepted socket that nobody used yet belongs to who gives it up. */
static __always_inline void given_up(struct connection *c) {
  if (c && c->role == SF_ROLE_SERVER && c->attribution < SF_OWNER_RELEASE) owner_from_current(c, SF_OWNER_RELEASE);
}

#define STATE(state) (1U << (state))

/* A third of the changes of a connection is of no use below: both programs look no further. */
static __always_inline bool says_something(int oldstate, int newstate) {
  __u32 to = STATE(TCP_SYN_SENT) | STATE(TCP_LISTEN) | STATE(TCP_FIN_WAIT1) | STATE(TCP_LAST_ACK) | STATE(TCP_CLOSE);
  return (STATE(newstate) & to) || oldstate == TCP_SYN_SENT || oldstate == TCP_SYN_RECV;
}

static __always_inline void state_changes(struct sock *sk, int oldstate, int newstate) {
  struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
  if (!tp || !is_watched(sk)) return;

  if (newstate == TCP_SYN_SENT) {
    client_begins(sk);
  } else if (newstate == TCP_LISTEN) {
    listener_begin(sk, bpf_get_current_pid_tgid() >> 32, current_process());
    listener_watch(sk);
  } else if (newstate == TCP_CLOSE) {
    if (oldstate == TCP_LISTEN) {
      listener_unwatch(sk, bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport));
      listener_end(sk);
    } else {
      ended(sk, tp, oldstate);
    }
  } else if (oldstate != TCP_SYN_RECV && (newstate == TCP_FIN_WAIT1 || newstate == TCP_LAST_ACK)) {
    /* Process context: shutdown or close was called. A reader that still waits is learnt from by nothing else. */
    given_up(connection_get(sk, cookie_of(sk)));
  } else if (oldstate == TCP_SYN_SENT || oldstate == TCP_SYN_RECV) {
    /* Also SYN_RECV to FIN_WAIT1: a fast-open server that closed before the handshake's end. */
    struct connection *c = connection_get(sk, cookie_of(sk));
    if (newstate == TCP_SYN_RECV) return; /* simultaneous open: established comes next */
    if (c)
      client_established(tp, c);
    else if (oldstate == TCP_SYN_RECV)
      server_established(sk, tp); /* from SYN_SENT it is a client that the table had no room for, counted already */
  }
}

#endif
