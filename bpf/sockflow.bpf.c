// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Table of contents of the kernel side: the hooks, and what each is for. None of them changes anything.
 *   wire.h        what goes to user space        connection.h  what we remember of a live connection
 *   kernel.h      the kernel's types             owner.h       whose connection it is
 *   process.h     who a process is               emit.h        a record, from the kernel's counters
 *   existing.h    what is older than the agent   attempt.h     connects that fail before a SYN
 *   reset.h       resets                         life.h        state changes, from SYN to CLOSE
 *   count.h       what happened, what was lost   look.h        a look at all that lives
 *   retransmit.h  segments sent again            segment.h     what a packet says by itself
 *   once.h        for hooks that interrupt each other
 *   flow.h        UDP conversations              datagram.h    packets that belong to them
 *   flow-look.h   a look at all of them          kernel-task.h its types of processes
 *   nat.h         translated addresses           dns.h         look-ups of names
 *   drop.h        what the kernel threw away     flood.h       many resets, told as one
 */
#include "kernel.h"
/* kernel.h first: it has the fixed-width types */
#include "wire.h"

#include "attempt.h"
#include "connection.h"
#include "datagram.h"
#include "dns.h"
#include "drop.h"
#include "emit.h"
#include "existing.h"
#include "flood.h"
#include "flow-look.h"
#include "life.h"
#include "look.h"
#include "once.h"
#include "owner.h"
#include "reset.h"
#include "retransmit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool watch_tcp = true;

/* Protocol numbers mean other things in other families. */
static __always_inline bool is_tcp(const struct sock *sk) {
  __u16 family = sk->__sk_common.skc_family;
  return sk->sk_protocol == IPPROTO_TCP && (family == AF_INET || family == AF_INET6);
}

/* TCP life cycle. MPTCP's own sockets pass here too, with another protocol: its subflows are the connections. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int oldstate, int newstate) {
  if (sk->sk_protocol != IPPROTO_TCP || !says_something(oldstate, newstate)) return 0;
  state_changes(sk, oldstate, newstate);
  note((__u64)sk, oldstate << 8 | newstate);
  return 0;
}

/* Right behind it, for what it was passed over at (160 of 200,000 were seen to go missing). */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_missed, struct sock *sk, int oldstate, int newstate) {
  if (sk->sk_protocol != IPPROTO_TCP || !says_something(oldstate, newstate)) return 0;
  if (was_missed((__u64)sk, oldstate << 8 | newstate)) state_changes(sk, oldstate, newstate);
  return 0;
}

/*
 * First use by sending: send, sendfile, io_uring. Called for TCP only, since Linux 6.16. A kernel thread that goes on with what
 * a process has begun (kTLS, sockmap) owns nothing.
 */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(sending, const struct sock *sk) {
  if (this_task()->mm) owner_by_use(sk);
  return 0;
}

/* The same, before: also called for the sockets of other families, each datagram of UDP among them. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(sent, struct sock *sk) {
  if (is_tcp(sk)) owner_by_use(sk);
  return 0;
}

/* TCP: first use by receiving nothing, an end of file or EAGAIN; the next hook sees what brought data. UDP: all. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(received_length, struct sock *sk, int result) {
  if (result <= 0 && is_tcp(sk)) owner_by_use(sk);
  if (watch_udp && is_udp(sk)) flow_socket_used(cookie_of(sk));
  return 0;
}

/* First use by receiving data, whatever the call: splice and zero-copy receive pass only here. Called for TCP only. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(received, struct sock *sk) {
  owner_by_use(sk);
  return 0;
}

/* connect was called. Always returns 1: nothing is forbidden here. */
SEC("cgroup/connect4")
int connecting4(struct bpf_sock_addr *ctx) {
  if (ctx->protocol != IPPROTO_TCP) return 1;
  struct connection fresh = {.family = 4, .dialled = {ctx->user_ip4}};
  attempt_begins(ctx, &fresh);
  return 1;
}

SEC("cgroup/connect6")
int connecting6(struct bpf_sock_addr *ctx) {
  if (ctx->protocol != IPPROTO_TCP) return 1;
  struct connection fresh = {.family = 6,
                             .dialled = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}};
  if (!fresh.dialled[0] && !fresh.dialled[1] && fresh.dialled[2] == bpf_htonl(0xffff)) {
    fresh.family = 4;
    fresh.dialled[0] = fresh.dialled[3];
  }
  attempt_begins(ctx, &fresh);
  return 1;
}

/* Last chance: for the owner of a socket that was accepted and never used, and for a connect that came to nothing. */
SEC("cgroup/sock_release")
int released(struct bpf_sock *ctx) {
  if (watch_udp && ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP)
    flow_socket_closed(bpf_get_socket_cookie(ctx));
  if (ctx->protocol != IPPROTO_TCP) return 1;
  struct connection *c = connection_get(ctx, bpf_get_socket_cookie(ctx));
  if (c && is_attempt(c))
    attempt_failed(c);
  else
    given_up(c);
  return 1;
}

/* A segment that was sent again; attached only when asked for, as the next two. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted, const struct sock *sk, const struct sk_buff *skb) {
  segment_retransmitted(sk, skb);
  return 0;
}

/* Right behind it, as tcp_state_missed: does something only when that one was passed over. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted_missed, const struct sock *sk, const struct sk_buff *skb) {
  segment_retransmitted(sk, skb);
  return 0;
}

/* Only in softirqs, which do not interrupt each other: none is missed. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(synack_sent_again, const struct sock *sk, const struct request_sock *request) {
  synack_retransmitted(sk, request);
  return 0;
}

/* Resets; attached only when asked for. sk and skb may be NULL. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent, const struct sock *sk, const struct sk_buff *skb) {
  reset_was_sent(sk, skb, reset_has_reason ? (__u32)ctx[2] : 0);
  note((__u64)sk, (__u64)skb);
  return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent_missed, const struct sock *sk, const struct sk_buff *skb) {
  if (was_missed((__u64)sk, (__u64)skb)) reset_was_sent(sk, skb, reset_has_reason ? (__u32)ctx[2] : 0);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received, const struct sock *sk) {
  reset_of_connection(sk, SF_EVENT_RESET_RECEIVED, 0);
  note((__u64)sk, SF_EVENT_RESET_RECEIVED);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received_missed, const struct sock *sk) {
  if (was_missed((__u64)sk, SF_EVENT_RESET_RECEIVED)) reset_of_connection(sk, SF_EVENT_RESET_RECEIVED, 0);
  return 0;
}

/*
 * A packet leaves or comes: datagrams are counted, look-ups of names read, and a SYN shows where a dialled address is
 * translated to. Always 1: every packet passes.
 */
SEC("cgroup_skb/egress")
int leaving(struct __sk_buff *ctx) {
  struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
  struct sock *sk = skb->sk;
  if (!sk) return 1;
  if (sk->sk_protocol == IPPROTO_TCP) {
    if (watch_tcp && sk->__sk_common.skc_state == TCP_SYN_SENT && is_watched(sk)) tell_translation(ctx, skb);
    if (watch_dns && is_dns_port(sk->__sk_common.skc_dport) && is_watched(sk)) dns_seen(ctx, SF_DNS_QUESTION);
  } else if (is_udp(sk) && is_watched(sk)) {
    datagram_passes(ctx, skb, sk, true);
  }
  return 1;
}

SEC("cgroup_skb/ingress")
int arriving(struct __sk_buff *ctx) {
  struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
  struct sock *sk = skb->sk;
  if (!sk) return 1;
  if (sk->sk_protocol == IPPROTO_TCP) {
    if (watch_dns && is_dns_port(sk->__sk_common.skc_dport) && is_watched(sk)) dns_seen(ctx, SF_DNS_ANSWER);
  } else if (is_udp(sk) && is_watched(sk)) {
    datagram_passes(ctx, skb, sk, false);
  }
  return 1;
}

/* A socket was told of an error that came by ICMP. */
SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(error_reported, struct sock *sk) {
  if (is_udp(sk)) datagram_refused(sk, sk->sk_err);
  return 0;
}

/* Whatever packet is dropped on the host; attached only when asked for. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped, const struct sk_buff *skb) {
  segment_dropped(ctx, skb, false);
  return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped_missed, const struct sk_buff *skb) {
  segment_dropped(ctx, skb, true);
  return 0;
}

/* What is older than the agent, at start; what had no room, later. A byte ends a read, so that the CPU is free in between. */
SEC("iter/task_file")
int existing(struct bpf_iter__task_file *ctx) {
  char pause = 0;
  if (ctx->meta->seq_num % 2048 == 2047) bpf_seq_write(ctx->meta->seq, &pause, sizeof(pause));
  struct file *file = ctx->file;
  struct task_struct *task = ctx->task;
  if (!file || !task) return 0;
  struct socket *socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock *sk = socket->sk;
  if (!sk || !is_watched(sk)) return 0;
  if (is_tcp(sk) && watch_tcp) socket_found(sk, task);
  if (is_udp(sk) && watch_udp && !looking_again) datagram_socket_found(sk, task);
  return 0;
}

SEC("syscall")
int look_at_table(struct sf_look *ask) {
  /* The context may not be handed on: a copy. */
  struct sf_look copy = {
      .first = ask->first, .count = ask->count, .task = ask->task, .round = ask->round, .next = ask->first};
  if (copy.first <= slot_mask) {
    bpf_loop(copy.count, look, &copy, 0);
  } else {
    copy.next = copy.first + 1;
    if (overflowed) bpf_for_each_map_elem(&overflow, look_overflow, &copy, 0);
  }
  if (copy.first == 0 && copy.task == SF_LOOK_REPORT && watch_listeners)
    bpf_for_each_map_elem(&listening, look_at_listener, NULL, 0);
  if (copy.first == 0 && (copy.task == SF_LOOK_REPORT || copy.task == SF_LOOK_FLOODS) && gather_resets)
    bpf_for_each_map_elem(&floods, look_at_flood, NULL, 0);
  ask->live = copy.live;
  ask->next = copy.next;
  return 0;
}

/* The same for UDP: ends and updates until the ring is half full, or how many live. */
SEC("syscall")
int look_at_flows(struct sf_flow_look *ask) {
  struct sf_flow_look copy = {.idle_since_ns = ask->idle_since_ns, .task = ask->task, .round = ask->round};
  if (copy.task == SF_FLOWS_COUNT) {
    bpf_for_each_map_elem(&flows, count_flow, &copy, 0);
    bpf_for_each_map_elem(&flow_sockets, count_others, &copy, 0);
  } else {
    bpf_for_each_map_elem(&flows, look_at_each_flow, &copy, 0);
    if (!copy.waiting) bpf_for_each_map_elem(&flow_sockets, look_at_each_socket, &copy, 0);
  }
  ask->live = copy.live;
  ask->waiting = copy.waiting;
  return 0;
}

/* Called by user space: two readings with the time between them tell how long a jiffy is, which no file needs to say. */
SEC("syscall")
int read_jiffies(__u64 *jiffies) {
  *jiffies = bpf_jiffies64();
  return 0;
}
