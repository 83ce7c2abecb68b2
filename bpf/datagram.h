/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Datagrams on their way out of and into a socket, seen where the cgroup filters are: behind translation when they leave,
 * in front of the receive buffer when they come. Every datagram of the host pays for what happens here, so there are two
 * ways through: the short one for a further datagram of a flow with plain headers, without a call but the look-up, and the
 * long one for all else, which is a function of its own, so that the short one keeps its registers.
 */
#ifndef SOCKFLOW_DATAGRAM_H
#define SOCKFLOW_DATAGRAM_H

#include "attempt.h"
#include "dns.h"
#include "flow.h"
#include "nat.h"

const volatile bool watch_udp = true;

#define IPPROTO_ESP 50
#define IPPROTO_AH 51
#define IPV4_HEADER 20
#define IPV6_HEADER 40
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

static __always_inline __u32 header_size(const struct sk_buff *skb) {
  return (__u16)(skb->transport_header - skb->network_header);
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

static __always_inline bool read_datagram(struct __sk_buff *ctx, const struct sk_buff *skb, struct datagram *d) {
  __u32 header = header_size(skb);
  __be16 ports[2];
  d->family = ctx->protocol == bpf_htons(ETH_P_IP) ? 4 : 6;
  d->data = header + UDP_HEADER;
  d->payload = ctx->len - d->data;
  d->packets = ctx->gso_segs ? ctx->gso_segs : 1;
  if (header > 4096 || bpf_skb_load_bytes(ctx, header, ports, sizeof(ports))) return false;
  d->from_port = bpf_ntohs(ports[0]);
  d->to_port = bpf_ntohs(ports[1]);
  return d->family == 6 ? read_v6(ctx, d) : read_v4(ctx, d);
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

static __always_inline void datagram_counts(struct flow *f, __u32 payload, __u32 packets, bool outgoing) {
  __sync_fetch_and_add(outgoing ? &f->sent_bytes : &f->received_bytes, payload);
  __sync_fetch_and_add(outgoing ? &f->sent_packets : &f->received_packets, packets);
  flow_moved(f);
}

/* The long way: headers of any kind, translation, the first datagram of a flow. */
static __noinline int datagram_with_care(struct __sk_buff *ctx, __u64 cookie, bool outgoing) {
  const struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
  const struct sock *sk = skb->sk;
  struct datagram d = {};
  struct endpoints e = {};
  if (!sk || !read_datagram(ctx, skb, &d)) return 0;
  bool moves = outgoing && translated(skb, &e);
  if (!moves) {
    __builtin_memcpy(e.local, outgoing ? d.from : d.to, 16);
    __builtin_memcpy(e.peer, outgoing ? d.to : d.from, 16);
    e.peer_port = outgoing ? d.to_port : d.from_port;
  }
  struct flow *f = flow_of(ctx, sk, &d, &e, cookie, outgoing);
  if (!f) return 0;
  if (moves) note_translation(f, &e);
  datagram_counts(f, d.payload, d.packets, outgoing);
  return 0;
}

/* The addresses and ports of a header without options, which is nearly all: the key but for the cookie. */
static __always_inline bool read_plain(struct __sk_buff *ctx, __u32 header, struct flow_key *key, bool outgoing) {
  const __u8 *ip = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (header == IPV4_HEADER && ip + IPV4_HEADER + UDP_HEADER <= end && ip[9] == IPPROTO_UDP) {
    key->family = 4;
    *(__be32 *)key->peer = *(const __be32 *)(ip + (outgoing ? 16 : 12));
    key->port = bpf_ntohs(*(const __be16 *)(ip + IPV4_HEADER + (outgoing ? 2 : 0)));
    return true;
  }
  if (header == IPV6_HEADER && ip + IPV6_HEADER + UDP_HEADER <= end && ip[6] == IPPROTO_UDP) {
    key->family = 6;
    __builtin_memcpy(key->peer, ip + (outgoing ? 24 : 8), 16);
    key->port = bpf_ntohs(*(const __be16 *)(ip + IPV6_HEADER + (outgoing ? 2 : 0)));
    return true;
  }
  return false;
}

static __always_inline void datagram_passes(struct __sk_buff *ctx, const struct sk_buff *skb, const struct sock *sk,
                                            bool outgoing) {
  __u32 header = header_size(skb);
  struct flow_key key = {.cookie = cookie_of(sk)};
  if (!key.cookie) key.cookie = bpf_get_socket_cookie(ctx);
  bool is_plain = read_plain(ctx, header, &key, outgoing);
  if (watch_dns && may_be_dns(sk, is_plain ? key.port : DNS_PORT))
    dns_seen(ctx, outgoing ? SF_DNS_QUESTION : SF_DNS_ANSWER);
  if (!watch_udp) return;
  struct flow *f = NULL;
  if (is_plain && !(outgoing && is_translated(skb))) f = bpf_map_lookup_elem(&flows, &key);
  if (f)
    datagram_counts(f, ctx->len - header - UDP_HEADER, ctx->gso_segs ? ctx->gso_segs : 1, outgoing);
  else
    datagram_with_care(ctx, key.cookie, outgoing);
  if (outgoing) flow_socket_used(key.cookie); /* sending is done by its process */
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
  socket->process = process_of(READABLE(task), leader);
  socket->attribution = SF_OWNER_SNAPSHOT;
}

#endif
