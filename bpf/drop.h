/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel threw away. Segments of connections that are followed, with the kernel's reason, when an output shows
 * them; and what listeners had no room for, which passes no hook: the kernel counts it in the listening socket.
 */
#ifndef SOCKFLOW_DROP_H
#define SOCKFLOW_DROP_H

#include "emit.h"
#include "once.h"

const volatile bool drop_has_receiver = false; /* 6.11 and later (c53795d48ee8): the hook names the receiving socket */

/* An argument of a hook as a number: which of them there are depends on the kernel. */
static __always_inline __u64 argument(const unsigned long long *slot) {
  __u64 number = 0;
  bpf_probe_read_kernel(&number, sizeof(number), slot);
  return number;
}

/* A packet may stand for several segments (segmentation offload). */
static __always_inline __u32 segments_of(const struct sk_buff *skb) {
  struct skb_shared_info *shared = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end);
  __u16 segments = BPF_CORE_READ(shared, gso_segs);
  return segments ? segments : 1;
}

/*
 * The receiver when TCP itself drops it; else the packet's own socket: the sender on its way out, the receiver on its way
 * in when it was found early. 0: nobody knows yet whose it would have been.
 */
static __always_inline void segment_dropped(const unsigned long long *arguments, const struct sk_buff *skb,
                                            bool again) {
  __u64 receiver = drop_has_receiver ? argument(&arguments[3]) : 0;
  __u64 key = receiver ? receiver : (__u64)BPF_CORE_READ(skb, sk);
  if (!key) return;
  struct tcp_sock *tp = bpf_rdonly_cast((void *)key, bpf_core_type_id_kernel(struct tcp_sock));
  const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
  /* Whatever kind of socket it is: only those of connections are found here. */
  struct connection *c = connection_get((void *)key, cookie_of(sk));
  if (!c || c->cookie != cookie_of(sk) || c->flags & SF_FLAG_ATTEMPT) return;
  if (again && !was_missed((__u64)skb, key)) return;
  bool incoming = receiver || BPF_CORE_READ(skb, skb_iif);
  struct particulars what = {.detail = argument(&arguments[2]), .segments = segments_of(skb)};
  __u8 event = incoming ? SF_EVENT_DROP_RECEIVED : SF_EVENT_DROP_SENT;
  if (!emit_with(tp, c, event, sk->__sk_common.skc_state, &what)) count(SF_COUNT_DROPPED_EVENTS);
  if (!again) note((__u64)skb, key);
}

const volatile bool watch_listeners = false; /* does any output want to know what listeners dropped? */

struct listening {
  __u64 cookie;
  __u32 reported; /* drops */
  __u32 unused;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384); /* as listeners */
  __type(key, __u64);         /* socket */
  __type(value, struct listening);
} listening SEC(".maps");

static __always_inline void listener_watch(struct sock *sk) {
  if (!watch_listeners) return;
  __u64 key = (__u64)sk;
  struct listening fresh = {.cookie = bpf_get_socket_cookie(sk), .reported = sk->sk_drops.counter};
  bpf_map_update_elem(&listening, &key, &fresh, BPF_NOEXIST); /* what found no room was counted as a listener */
}

static __always_inline void listener_report(const struct sock *sk, __u16 port, struct listening *known) {
  __u32 drops = sk->sk_drops.counter - known->reported;
  if (!drops) return;
  struct sf_connection *r = bare_record(SF_EVENT_DROP_RECEIVED);
  if (!r) return;
  known->reported += drops;
  owned_by_listener(r, sk);
  r->state = TCP_LISTEN;
  r->segments = drops;
  r->cookie = known->cookie;
  r->id = mix(known->cookie);
  fill_endpoints(r, &sk->__sk_common);
  r->local_port = port;
  ring_submit(r);
}

/* Before the listener is forgotten: its owner is asked for. */
static __always_inline void listener_unwatch(const struct sock *sk, __u16 port) {
  if (!watch_listeners) return;
  __u64 key = (__u64)sk;
  struct listening *known = bpf_map_lookup_elem(&listening, &key);
  if (!known) return;
  listener_report(sk, port, known);
  bpf_map_delete_elem(&listening, &key);
}

static long look_at_listener(void *map, __u64 *key, struct listening *known, void *context) {
  struct sock *sk = bpf_rdonly_cast((void *)*key, bpf_core_type_id_kernel(struct sock));
  /* Not one whose memory is in use by another socket: its end was missed. */
  if (cookie_of(sk) != known->cookie)
    bpf_map_delete_elem(&listening, key);
  else
    listener_report(sk, sk->__sk_common.skc_num, known);
  return 0;
}

#endif
