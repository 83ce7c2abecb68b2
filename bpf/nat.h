/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Address translation, read from the connection tracking entry that a packet carries when it leaves: what the program
 * dialled, and where it really goes. Nothing is asked for, and the absence of connection tracking is no error. Only
 * translations in the network namespace of the socket are seen: packets lose the entry on their way into another one.
 */
#ifndef SOCKFLOW_NAT_H
#define SOCKFLOW_NAT_H

#include "ring.h"
#include "wire.h"

#define NFCT_WAY 7UL    /* the bits of _nfct beside the pointer */
#define CT_IS_REPLY 3UL /* and the first value of them that means an answer */
#define IPS_NAT_MASK 0x30UL

/* One way of a tracked connection: a struct nf_conntrack_tuple, copied whole, since its parts have unions inside. */
struct address_pair {
  struct {
    __u8 address[16];
    __be16 port;
    __u16 family;
  } from;
  struct {
    __u8 address[16];
    __be16 port;
    __u8 protocol;
    __u8 way;
  } to;
};

/* A packet as its socket sees it. */
struct endpoints {
  __u8 local[16];
  __u8 peer[16];
  __u16 peer_port; /* host order */
  __u16 true_port;
  __u8 true_peer[16]; /* where a translated packet goes; the port above, too */
};

/* For each datagram. */
static __always_inline bool is_translated(const struct sk_buff *skb) {
  if (!bpf_core_field_exists(skb->_nfct)) return false;
  struct nf_conn *ct = (void *)(skb->_nfct & ~NFCT_WAY);
  return ct && BPF_CORE_READ(ct, status) & IPS_NAT_MASK;
}

/* True when the packet is translated: fills in what its socket thinks, and where it goes. */
static __always_inline bool translated(const struct sk_buff *skb, struct endpoints *e) {
  if (!is_translated(skb)) return false;
  __u64 tracked = skb->_nfct;
  struct nf_conn *ct = (void *)(tracked & ~NFCT_WAY);
  struct address_pair original, reply;
  bpf_core_read(&original, sizeof(original), &ct->tuplehash[0].tuple);
  bpf_core_read(&reply, sizeof(reply), &ct->tuplehash[1].tuple);
  if ((tracked & NFCT_WAY) < CT_IS_REPLY) {
    __builtin_memcpy(e->local, original.from.address, 16);
    __builtin_memcpy(e->peer, original.to.address, 16);
    e->peer_port = bpf_ntohs(original.to.port);
    __builtin_memcpy(e->true_peer, reply.from.address, 16);
    e->true_port = bpf_ntohs(reply.from.port);
  } else {
    __builtin_memcpy(e->local, reply.from.address, 16);
    __builtin_memcpy(e->peer, reply.to.address, 16);
    e->peer_port = bpf_ntohs(reply.to.port);
    __builtin_memcpy(e->true_peer, original.from.address, 16);
    e->true_port = bpf_ntohs(original.from.port);
  }
  return true;
}

static __always_inline bool same_address(const __u8 *a, const __u8 *b) {
  const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
  return x[0] == y[0] && x[1] == y[1];
}

/* Of a SYN that leaves. */
static __always_inline void tell_translation(struct __sk_buff *ctx, const struct sk_buff *skb) {
  struct endpoints e = {};
  if (!translated(skb, &e) || (same_address(e.peer, e.true_peer) && e.peer_port == e.true_port)) return;
  struct sf_translation *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) return count(SF_COUNT_DROPPED_EVENTS);
  r->kind = SF_KIND_TRANSLATION;
  r->family = ctx->family == AF_INET6 && ctx->protocol == bpf_htons(0x86dd) ? 6 : 4;
  r->length = sizeof(*r);
  r->unused = 0;
  r->port = e.true_port;
  r->cookie = bpf_get_socket_cookie(ctx);
  __builtin_memcpy(r->address, e.true_peer, 16);
  ring_submit(r);
}

#endif
