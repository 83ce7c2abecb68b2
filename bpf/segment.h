/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Of a received segment that belongs to no socket: its addresses and its network namespace, read from the packet. */
#ifndef SOCKFLOW_SEGMENT_H
#define SOCKFLOW_SEGMENT_H

#include "kernel.h"
#include "wire.h"

#define SKB_DST_NOREF 1UL

/* 0: it has no route. */
static __always_inline __u32 netns_of_segment(const struct sk_buff *skb) {
  struct dst_entry *route = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~SKB_DST_NOREF);
  return BPF_CORE_READ(route, dev, nd_net.net, ns.inum);
}

/* Offsets are those of the headers: RFC 791, RFC 8200, RFC 9293. */
static __always_inline void endpoints_of_segment(struct sf_connection *r, const struct sk_buff *skb) {
  unsigned char *head = BPF_CORE_READ(skb, head);
  unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
  unsigned char *tcp = head + BPF_CORE_READ(skb, transport_header);
  __u8 version = 0;
  __be16 ports[2] = {};
  bpf_probe_read_kernel(&version, sizeof(version), ip);
  bpf_probe_read_kernel(ports, sizeof(ports), tcp);
  if (version >> 4 == 4) {
    r->family = 4;
    bpf_probe_read_kernel(r->peer_address, 4, ip + 12);
    bpf_probe_read_kernel(r->local_address, 4, ip + 16);
  } else {
    r->family = 6;
    bpf_probe_read_kernel(r->peer_address, 16, ip + 8);
    bpf_probe_read_kernel(r->local_address, 16, ip + 24);
  }
  r->peer_port = bpf_ntohs(ports[0]);
  r->local_port = bpf_ntohs(ports[1]);
  r->netns = netns_of_segment(skb);
}

#endif
