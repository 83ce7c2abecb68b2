/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Look-ups of names: what a socket asks of port 53, and what it is answered, over UDP and TCP, goes to user space as it
 * is. Who asks is known when the question leaves: sending is done by the process itself. Other packets cost a few loads.
 */
#ifndef SOCKFLOW_DNS_H
#define SOCKFLOW_DNS_H

#include "attempt.h"
#include "owner.h"
#include "ring.h"

#define DNS_PORT 53
#define DNS_SMALL 512         /* what most messages fit into */
#define DNS_PIECES 17         /* of SF_DNS_DATA bytes: more than any packet has */
#define DNS_EACH_SECOND 20000 /* records; who floods a socket with answers shall not push connections out of the ring */

/* A packet to or from port 53 as far as the programs below need it. */
struct dns_packet {
  __u32 transport; /* where its header begins, from the IP header */
  __u32 payload;   /* where the message begins */
  __u32 size;      /* bytes of it */
  __u32 position;  /* TCP: of the first one in the stream, from 0 */
  __u16 port;      /* of the server, network order */
  __u8 protocol;
  __u8 event;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64); /* the second, and in the low half how many records it had */
} dns_rate SEC(".maps");

static __always_inline bool dns_within_rate(__u64 now) {
  __u32 zero = 0;
  __u64 *rate = bpf_map_lookup_elem(&dns_rate, &zero);
  if (!rate) return false;
  __u64 second = now >> 30 << 32;
  if (*rate >> 32 << 32 != second) *rate = second; /* two at once here let a few more through */
  return (__u32)__sync_fetch_and_add(rate, 1) < DNS_EACH_SECOND;
}

static __always_inline bool is_dns_port(__be16 port) { return port == bpf_htons(DNS_PORT); }

/* False: it is no standard query of this kind, or no answer to one. */
static __always_inline bool is_dns_message(struct __sk_buff *ctx, const struct dns_packet *p) {
  __u8 flags;
  if (p->size < 12 || bpf_skb_load_bytes(ctx, p->payload + 2, &flags, 1)) return false;
  bool is_answer = flags & 0x80, is_standard = !(flags & 0x78);
  return is_standard && is_answer == (p->event == SF_DNS_ANSWER);
}

/* A connected socket remembers what it dialled, also where a rule translates it on the way out. */
static __always_inline bool read_dns_datagram(struct __sk_buff *ctx, const struct sock *sk, struct dns_packet *p) {
  bool is_answer = p->event == SF_DNS_ANSWER;
  __be16 dialled = sk->__sk_common.skc_dport;
  if (dialled && !is_dns_port(dialled)) return false;
  if (bpf_skb_load_bytes(ctx, p->transport + (is_answer ? 0 : 2), &p->port, 2)) return false;
  if (!is_dns_port(p->port) && !is_dns_port(dialled)) return false;
  p->payload = p->transport + 8;
  p->size = ctx->len - p->payload;
  return ctx->len > p->payload && is_dns_message(ctx, p);
}

/* Where the first byte of the stream is numbered: the kernel's counters say that at any time of the connection. */
static __always_inline __u32 dns_stream_begin(const struct tcp_sock *tp, bool is_answer) {
  if (is_answer) return BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);
  return BPF_CORE_READ(tp, snd_una) - (__u32)BPF_CORE_READ(tp, bytes_acked) + 1;
}

static __always_inline bool read_dns_segment(struct __sk_buff *ctx, const struct sock *sk, struct dns_packet *p) {
  p->port = sk->__sk_common.skc_dport;
  if (!is_dns_port(p->port)) return false;
  __be32 sequence;
  __u8 offset;
  if (bpf_skb_load_bytes(ctx, p->transport + 4, &sequence, 4)) return false;
  if (bpf_skb_load_bytes(ctx, p->transport + 12, &offset, 1)) return false;
  p->payload = p->transport + (offset >> 4) * 4;
  p->size = ctx->len - p->payload;
  p->position = bpf_ntohl(sequence) - dns_stream_begin((struct tcp_sock *)sk, p->event == SF_DNS_ANSWER);
  return ctx->len > p->payload;
}

static __always_inline void fill_dns_server(struct __sk_buff *ctx, struct sf_dns *r) {
  bool is_answer = r->event == SF_DNS_ANSWER;
  if (ctx->protocol == bpf_htons(0x0800)) {
    r->family = 4;
    bpf_skb_load_bytes(ctx, is_answer ? 12 : 16, r->server_address, 4);
  } else {
    r->family = 6;
    bpf_skb_load_bytes(ctx, is_answer ? 8 : 24, r->server_address, 16);
  }
}

/* Of a question: of TCP the connection's, since it may be sent when an acknowledgement comes. */
static __always_inline void fill_dns_owner(const struct sock *sk, struct sf_dns *r) {
  if (r->event == SF_DNS_ANSWER) return;
  if (r->protocol == IPPROTO_UDP) {
    r->pid = bpf_get_current_pid_tgid() >> 32;
    r->process = current_process();
    return;
  }
  struct connection *c = connection_get(sk, r->cookie);
  if (!c) return;
  r->pid = c->pid;
  r->process = c->process;
}

struct dns_small {
  struct sf_dns head;
  __u8 data[DNS_SMALL];
};
struct dns_large {
  struct sf_dns head;
  __u8 data[SF_DNS_DATA];
};

/* `size` bytes of the message. Two sizes of record, so that the many small ones leave room in the ring. */
static __always_inline bool emit_dns(struct __sk_buff *ctx, const struct sf_dns *head, __u32 from, __u32 size) {
  struct sf_dns *r;
  long refused;
  if (size <= DNS_SMALL) {
    struct dns_small *small = bpf_ringbuf_reserve(&ring, sizeof(*small), 0);
    if (!small) return false;
    r = &small->head;
    refused = size < 1 ? -1 : bpf_skb_load_bytes(ctx, from, small->data, size);
  } else {
    struct dns_large *large = bpf_ringbuf_reserve(&ring, sizeof(*large), 0);
    if (!large) return false;
    r = &large->head;
    refused = size > SF_DNS_DATA ? -1 : bpf_skb_load_bytes(ctx, from, large->data, size);
  }
  if (refused) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    return false;
  }
  *r = *head;
  r->length = sizeof(*r) + size;
  ring_submit(r);
  return true;
}

struct dns_pieces {
  struct __sk_buff *ctx;
  __u32 payload;
  __u32 left;
  struct sf_dns head;
};

static long emit_dns_piece(__u32 index, struct dns_pieces *pieces) {
  __u32 size = pieces->left;
  if (size > SF_DNS_DATA) size = SF_DNS_DATA;
  if (!dns_within_rate(pieces->head.time_ns) || !emit_dns(pieces->ctx, &pieces->head, pieces->payload, size)) {
    count(SF_COUNT_DROPPED_DNS);
    return 1;
  }
  pieces->payload += size;
  pieces->left -= size;
  pieces->head.position += size;
  return pieces->left == 0;
}

/* Whole segments of TCP, in pieces; a datagram up to what one piece holds. */
static __always_inline void emit_dns_packet(struct __sk_buff *ctx, const struct sock *sk, const struct dns_packet *p) {
  struct dns_pieces pieces = {
      .ctx = ctx,
      .payload = p->payload,
      .left = p->size,
      .head = {.kind = SF_KIND_DNS,
               .event = p->event,
               .protocol = p->protocol,
               .time_ns = bpf_ktime_get_boot_ns(),
               .cookie = bpf_get_socket_cookie(ctx),
               .netns = netns_of(&sk->__sk_common),
               .server_port = bpf_ntohs(p->port),
               .position = p->position,
               .packet_size = p->size},
  };
  fill_dns_server(ctx, &pieces.head);
  fill_dns_owner(sk, &pieces.head);
  bpf_loop(p->protocol == IPPROTO_UDP ? 1 : DNS_PIECES, emit_dns_piece, &pieces, 0);
}

const volatile bool watch_dns = true;

/* Of a datagram, by the port of its peer. A connected socket remembers what it dialled. */
static __always_inline bool may_be_dns(const struct sock *sk, __u16 port) {
  __be16 dialled = sk->__sk_common.skc_dport;
  return dialled ? is_dns_port(dialled) : port == DNS_PORT;
}

/* A message to or from port 53; event: a question where it leaves, an answer where it comes. Few packets get here. */
static __noinline int dns_seen(struct __sk_buff *ctx, __u8 event) {
  const struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
  struct sock *sk = skb->sk;
  if (!sk) return 0;
  struct dns_packet p = {.protocol = sk->sk_protocol, .event = event};
  p.transport = (__u16)(skb->transport_header - skb->network_header);
  bool is_dns = p.protocol == IPPROTO_TCP ? read_dns_segment(ctx, sk, &p) : read_dns_datagram(ctx, sk, &p);
  if (is_dns) emit_dns_packet(ctx, sk, &p);
  return 0;
}

#endif
