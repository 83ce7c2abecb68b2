/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Connects that fail before a SYN is sent (no route, forbidden by a rule): the socket changes no state, so nothing else
 * tells of them. The call is noted in the connection table; the SYN turns the note into a connection. A note that is
 * still there when connect is called again, or when the socket is released, was a failure. Why it failed the kernel does
 * not keep; user space asks the routing table.
 */
#ifndef SOCKFLOW_ATTEMPT_H
#define SOCKFLOW_ATTEMPT_H

#include "emit.h"
#include "owner.h"

static __always_inline void emit_attempt(const struct connection *c, const struct sock *sk) {
  count(SF_COUNT_ATTEMPTS);
  struct sf_connection *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) {
    count(SF_COUNT_LOST_RING);
    return;
  }
  __builtin_memset(r, 0, sizeof(*r));
  r->kind = SF_KIND_CONNECTION;
  r->event = SF_EVENT_END;
  r->length = sizeof(*r);
  r->family = c->family;
  r->role = SF_ROLE_CLIENT;
  r->attribution = c->attribution;
  r->state = TCP_CLOSE;
  r->flags = SF_FLAG_ATTEMPT;
  r->time_ns = r->start_ns = c->start_ns;
  r->cookie = c->cookie;
  r->id = mix(c->start_ns ^ c->cookie << 32);
  __builtin_memcpy(r->peer_address, c->dialled, sizeof(r->peer_address));
  r->peer_port = c->dialled_port;
  r->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
  r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  r->pid = c->pid;
  r->process = c->process;
  ring_submit(r);
  count(SF_COUNT_CLOSED);
}

static __always_inline bool is_attempt(const struct connection *c) { return c->flags & SF_FLAG_ATTEMPT; }

/* A socket of a cgroup program as a plain address: the verifier lets nobody look behind the fields that it knows. */
static __always_inline struct sock *as_number(struct bpf_sock *const *known) {
  struct sock *sk = NULL;
  bpf_probe_read_kernel(&sk, sizeof(sk), known);
  return sk;
}

const volatile __u32 only_netns = 0; /* inode number of the network namespace to watch; 0: all */

static __always_inline bool is_watched(struct sock *sk) {
  return !only_netns || BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == only_netns;
}

/* The note of this socket, if there is one, was a failure. */
static __always_inline void attempt_failed(struct connection *c) {
  __u64 key = c->sk & ~SLOT_TURN;
  if (!connection_take(c, key)) return;
  emit_attempt(c, (struct sock *)key);
  connection_forget(c, key);
}

static __always_inline void attempt_begins(struct bpf_sock_addr *ctx, struct connection *fresh) {
  struct bpf_sock *sk = ctx->sk;
  if (!sk || !is_watched(as_number(&sk))) return;
  fresh->cookie = bpf_get_socket_cookie(ctx);
  struct connection *before = connection_get(sk, fresh->cookie);
  if (before && !is_attempt(before)) return; /* connected already: this call fails without being an attempt */
  if (before) attempt_failed(before);
  fresh->role = SF_ROLE_CLIENT;
  fresh->flags = SF_FLAG_ATTEMPT;
  fresh->start_ns = bpf_ktime_get_boot_ns();
  fresh->dialled_port = bpf_ntohs(ctx->user_port);
  owner_by_opening(fresh);
  if (!connection_create(sk, fresh)) count(SF_COUNT_DROPPED_NOTES);
}

#endif
