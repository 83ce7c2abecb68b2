/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Segments that were sent again, when an output shows them. How many is the difference of the kernel's own count
 * (total_retrans): one call of the hook may stand for several segments, or, when the segment before still waits in the
 * host's own queue, for none. So whatever runs twice finds nothing new, and what the hook missed is in the next event,
 * or told at the end.
 */
#ifndef SOCKFLOW_RETRANSMIT_H
#define SOCKFLOW_RETRANSMIT_H

#include "attempt.h"
#include "emit.h"

const volatile bool emit_retransmits = false;

static __always_inline void segment_retransmitted(const struct sock *sk, const struct sk_buff *skb) {
  struct connection *c = connection_get(sk, cookie_of(sk));
  struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
  if (!c || !tp) return;
  __u32 segments = tp->total_retrans - c->reported_retransmits;
  if (!segments) return;
  c->reported_retransmits += segments;
  struct tcp_skb_cb *segment = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
  /* The server's SYN is not among the bytes that it counts as acknowledged. */
  __u32 begin = tp->snd_una - (__u32)tp->bytes_acked - (c->role == SF_ROLE_SERVER);
  struct particulars what = {.detail = BPF_CORE_READ(segment, seq) - begin, .segments = segments};
  if (!emit_with(tp, c, SF_EVENT_RETRANSMIT, sk->__sk_common.skc_state, &what)) count(SF_COUNT_DROPPED_EVENTS);
}

/*
 * At the end: segments that no event has told of. The kernel does not call the hook for what could not be sent, though it counts
 * it, nor where it hides it; of which segments they were nothing is known then.
 */
static __always_inline void rest_of_retransmits(const struct tcp_sock *tp, struct connection *c, __u8 state) {
  if (!emit_retransmits || is_attempt(c)) return;
  __u32 segments = tp->total_retrans - c->reported_retransmits;
  if (!segments) return;
  c->reported_retransmits += segments;
  struct particulars what = {.segments = segments, .flags = SF_FLAG_LATE};
  if (!emit_with(tp, c, SF_EVENT_RETRANSMIT, state, &what)) count(SF_COUNT_DROPPED_EVENTS);
}

/* When its first SYN-ACK was sent: the kernel keeps it in microseconds of the monotonic clock. */
static __always_inline __u64 request_start(const struct tcp_request_sock *request) {
  return bpf_ktime_get_boot_ns() - bpf_ktime_get_ns() + BPF_CORE_READ(request, snt_synack) * 1000;
}

/*
 * A SYN-ACK: its connection is no socket yet, but a request, which has both initial sequence numbers already, and whose
 * cookie the socket will take over. listener: with TCP Fast Open the child itself.
 */
static __always_inline void synack_retransmitted(const struct sock *listener, const struct request_sock *request) {
  if (!is_watched((struct sock *)listener)) return;
  struct sf_connection *r = bare_record(SF_EVENT_RETRANSMIT);
  if (!r) return;
  const struct tcp_request_sock *tcp = (const void *)request;
  owned_by_listener(r, listener);
  r->state = TCP_SYN_RECV;
  r->start_ns = request_start(tcp);
  r->cookie = bpf_get_socket_cookie((void *)request);
  r->id = id_of_numbers(BPF_CORE_READ(tcp, snt_isn) + 1, BPF_CORE_READ(tcp, rcv_isn) + 1);
  r->segments = 1;
  r->retransmits = request->num_retrans + 1; /* this one is counted behind the hook */
  fill_endpoints(r, &request->__req_common);
  r->local_port = request->__req_common.skc_num;
  ring_submit(r);
}

#endif
