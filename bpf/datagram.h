/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Datagrams on their way out of and into a socket, seen where the cgroup filters are: behind translation when they leave,
 * in front of the receive buffer when they come. The kernel's own form of the packet is looked at, which costs other
 * protocols a few loads.
 */
#ifndef SOCKFLOW_DATAGRAM_H
#define SOCKFLOW_DATAGRAM_H

#include "attempt.h"
#include "flow.h"
#include "nat.h"

const volatile bool watch_udp = true;

#define IPPROTO_ESP 50
#define IPPROTO_AH 51
#define IPV4_HEADER 20
#define UDP_HEADER 8
#define ETH_P_IP 0x0800

struct datagram {
  __u8 from[16];
  __u8 to[16];
  __u16 from_port; /* host order */
  __u16 to_port;
  __u32 payload; /* bytes */
  __u32 packets; /* a segmented one counts as what it is on the wire */
  __u32 data;    /* where the payload begins */
  __u8 family;   /* 4 or 6 */
};

/* Raw sockets have the protocol, too. */
static __always_inline bool is_udp(const struct sock *sk) {
  __u16 family = sk->__sk_common.skc_family;
  return sk->sk_type == SOCK_DGRAM && sk->sk_protocol == IPPROTO_UDP && (family == AF_INET || family == AF_INET6);
}

/* The plain case, which is nearly all: an IPv4 header without options, in front of the packet's data. */
static __always_inline bool read_plain(struct __sk_buff *ctx, __u32 header, struct datagram *d) {
  const __u8 *data = (void *)(long)ctx->data;
  if (header != IPV4_HEADER || data + IPV4_HEADER + UDP_HEADER > (const __u8 *)(long)ctx->data_end) return false;
  if (data[9] != IPPROTO_UDP) return false;
  *(__u32 *)d->from = *(const __u32 *)(data + 12);
  *(__u32 *)d->to = *(const __u32 *)(data + 16);
  d->from_port = bpf_ntohs(*(const __be16 *)(data + IPV4_HEADER));
  d->to_port = bpf_ntohs(*(const __be16 *)(data + IPV4_HEADER + 2));
  return true;
}

static __always_inline bool read_v4(struct __sk_buff *ctx, struct datagram *d) {
  __u8 ip[IPV4_HEADER] = {};
  if (bpf_skb_load_bytes(ctx, 0, ip, sizeof(ip)) || ip[9] != IPPROTO_UDP) return false;
  __builtin_memcpy(d->from, ip + 12, 4);
  __builtin_memcpy(d->to, ip + 16, 4);
  return true;
}

/* What IPsec has wrapped is told of in clear where it arrives. */
static __always_inline bool read_v6(struct __sk_buff *ctx, struct datagram *d) {
  __u8 next;
  if (bpf_skb_load_bytes(ctx, 6, &next, 1) || next == IPPROTO_ESP || next == IPPROTO_AH) return false;
  return !bpf_skb_load_bytes(ctx, 8, d->from, 32); /* both addresses */
}

static __always_inline bool read_any(struct __sk_buff *ctx, __u32 header, struct datagram *d) {
  __be16 ports[2];
  if (header > 4096 || bpf_skb_load_bytes(ctx, header, ports, sizeof(ports))) return false;
  d->from_port = bpf_ntohs(ports[0]);
  d->to_port = bpf_ntohs(ports[1]);
  return d->family == 6 ? read_v6(ctx, d) : read_v4(ctx, d);
}

static __always_inline bool read_datagram(struct __sk_buff *ctx, const struct sk_buff *skb, struct datagram *d) {
  __u32 header = (__u16)(skb->transport_header - skb->network_header);
  d->family = ctx->protocol == bpf_htons(ETH_P_IP) ? 4 : 6;
  d->data = header + UDP_HEADER;
  d->payload = ctx->len - d->data;
  d->packets = ctx->gso_segs ? ctx->gso_segs : 1;
  return (d->family == 4 && read_plain(ctx, header, d)) || read_any(ctx, header, d);
}

/* Of the addresses on the wire and the ports, whichever end it is. */
static __always_inline __u64 flow_id(const struct datagram *d) {
  const __u64 *from = (const __u64 *)d->from, *to = (const __u64 *)d->to;
  __u64 a = mix(mix(from[0] ^ d->from_port) ^ from[1]), b = mix(mix(to[0] ^ d->to_port) ^ to[1]);
  return a < b ? mix(a * 31 ^ b) : mix(b * 31 ^ a);
}

#define QUIC_LEAST 1200
#define QUIC_1 0x00000001
#define QUIC_2 0x6b3343cf

/* The first packet of a QUIC connection: a long header, a version that exists, and padded to its least size. */
static __always_inline bool is_quic(struct __sk_buff *ctx, const struct datagram *d) {
  __u8 begin[5];
  if (d->payload < QUIC_LEAST || bpf_skb_load_bytes(ctx, d->data, begin, sizeof(begin))) return false;
  if ((begin[0] & 0xc0) != 0xc0) return false;
  __u32 version = (__u32)begin[1] << 24 | begin[2] << 16 | begin[3] << 8 | begin[4];
  return version == QUIC_1 || version == QUIC_2;
}

static __always_inline void note_translation(struct flow *f, const struct endpoints *e) {
  if (f->flags & SF_FLOW_TRANSLATED || (same_address(e->peer, e->true_peer) && e->peer_port == e->true_port)) return;
  __builtin_memcpy(f->true_peer, e->true_peer, 16);
  f->true_port = e->true_port;
  f->flags |= SF_FLOW_TRANSLATED;
}

/* The flow of a datagram, begun if need be. NULL, and counted, when there is no room for its socket. */
static __always_inline struct flow *flow_of(struct __sk_buff *ctx, const struct sock *sk, const struct datagram *d,
                                            const struct endpoints *e, __u64 cookie, bool outgoing) {
  struct flow_key key = {.cookie = cookie, .port = e->peer_port, .family = d->family};
  __builtin_memcpy(key.peer, e->peer, 16);
  struct flow *f = bpf_map_lookup_elem(&flows, &key);
  if (f) return f;
  struct flow_socket *socket = flow_socket_get(cookie);
  if (!socket) {
    count_more(SF_COUNT_LOST_DATAGRAMS, d->packets);
    return NULL;
  }
  if (flow_may_begin(socket)) {
    struct flow fresh = {.id = flow_id(d), .interface = ctx->ifindex};
    __builtin_memcpy(fresh.local, e->local, 16);
    if (is_quic(ctx, d)) fresh.flags = SF_FLOW_QUIC;
    f = flow_begin(&key, &fresh, socket, sk, outgoing);
    if (f) return f;
  }
  count_more(SF_COUNT_FOLDED_DATAGRAMS, d->packets);
  return flow_of_others(socket, sk);
}

static __always_inline void datagram_leaves(struct __sk_buff *ctx, const struct sk_buff *skb, const struct sock *sk) {
  struct datagram d = {};
  struct endpoints e = {};
  if (!read_datagram(ctx, skb, &d)) return;
  bool is_translated = translated(skb, &e);
  if (!is_translated) {
    __builtin_memcpy(e.local, d.from, 16);
    __builtin_memcpy(e.peer, d.to, 16);
    e.peer_port = d.to_port;
  }
  __u64 cookie = bpf_get_socket_cookie(ctx);
  struct flow *f = flow_of(ctx, sk, &d, &e, cookie, true);
  if (!f) return;
  if (is_translated) note_translation(f, &e);
  __sync_fetch_and_add(&f->sent_bytes, d.payload);
  __sync_fetch_and_add(&f->sent_packets, d.packets);
  f->last_ns = bpf_ktime_get_boot_ns();
  flow_socket_used(cookie); /* sending is done by its process */
}

static __always_inline void datagram_arrives(struct __sk_buff *ctx, const struct sk_buff *skb, const struct sock *sk) {
  struct datagram d = {};
  struct endpoints e = {};
  if (!read_datagram(ctx, skb, &d)) return;
  __builtin_memcpy(e.local, d.to, 16);
  __builtin_memcpy(e.peer, d.from, 16);
  e.peer_port = d.from_port;
  struct flow *f = flow_of(ctx, sk, &d, &e, bpf_get_socket_cookie(ctx), false);
  if (!f) return;
  __sync_fetch_and_add(&f->received_bytes, d.payload);
  __sync_fetch_and_add(&f->received_packets, d.packets);
  f->last_ns = bpf_ktime_get_boot_ns();
}

/* A connected socket was told of an ICMP error; of a sending time and the like it is told without one. */
static __always_inline void datagram_refused(const struct sock *sk, int error) {
  if (!error) return;
  struct flow_key key = {.cookie = sk->__sk_common.skc_cookie.counter, .port = bpf_ntohs(sk->__sk_common.skc_dport)};
  const __u32 *peer = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32;
  __u32 *to = (__u32 *)key.peer;
  if (sk->__sk_common.skc_family == AF_INET) {
    key.family = 4;
    to[0] = sk->__sk_common.skc_daddr;
  } else if (!peer[0] && !peer[1] && peer[2] == bpf_htonl(0xffff)) {
    key.family = 4;
    to[0] = peer[3];
  } else {
    key.family = 6;
    to[0] = peer[0], to[1] = peer[1], to[2] = peer[2], to[3] = peer[3];
  }
  struct flow *f = bpf_map_lookup_elem(&flows, &key);
  if (f) f->error = error;
}

static __always_inline void datagram_socket_found(struct sock *sk, struct task_struct *task) {
  __u64 leader = 0;
  bpf_core_read(&leader, sizeof(leader), &task->group_leader);
  struct flow_socket *socket = flow_socket_get(bpf_get_socket_cookie(sk));
  if (!socket || socket->process) return; /* a new one, or open in another process too */
  socket->existing = 1;
  socket->pid = task->tgid;
  socket->process = process_of(task, leader);
  socket->attribution = SF_OWNER_SNAPSHOT;
}

#endif
