/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel types we read, with the fields we read and no others: CO-RE moves each access to where the running kernel
 * has the field, so a build needs no BTF of the build host. Those of processes are in kernel-task.h. Also, together with that,
 * the one place for differences between kernels.
 */
#ifndef SOCKFLOW_KERNEL_H
#define SOCKFLOW_KERNEL_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define SOCK_DGRAM 2
#define SECOND 1000000000ULL /* ns */
#define SOCK_BIND_LOCKS 12   /* sk_userlocks: the program chose address or port */
#define SOCK_DONE_BIT 2      /* sk_flags: the peer's FIN was received */

enum tcp_state {
  TCP_ESTABLISHED = 1,
  TCP_SYN_SENT = 2,
  TCP_SYN_RECV = 3,
  TCP_FIN_WAIT1 = 4,
  TCP_FIN_WAIT2 = 5,
  TCP_TIME_WAIT = 6,
  TCP_CLOSE = 7,
  TCP_CLOSE_WAIT = 8,
  TCP_LAST_ACK = 9,
  TCP_LISTEN = 10,
  TCP_CLOSING = 11,
  TCP_NEW_SYN_RECV = 12,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  long counter;
} atomic64_t;

typedef struct {
  int counter;
} atomic_t;

struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net *net;
} possible_net_t;

struct in6_addr {
  union {
    __u8 u6_addr8[16];
    __be32 u6_addr32[4];
  } in6_u;
};

struct sock_common {
  union {
    struct {
      __be32 skc_daddr;
      __be32 skc_rcv_saddr;
    };
  };
  union {
    struct {
      __be16 skc_dport;
      __u16 skc_num;
    };
  };
  unsigned short skc_family;
  volatile unsigned char skc_state;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  atomic64_t skc_cookie;
  union {
    unsigned long skc_flags;
  };
};

struct sk_buff;
struct sk_buff_head {
  struct sk_buff *next;
  __u32 qlen;
};

struct net_device {
  int ifindex;
  possible_net_t nd_net;
};
struct dst_entry {
  struct net_device *dev;
};

struct sock {
  struct sock_common __sk_common;
  int sk_rx_dst_ifindex; /* 5.17 and later (0c0a5ef809f9) */
  struct dst_entry *sk_dst_cache;
  atomic_t sk_drops;
  struct sk_buff_head sk_error_queue;
  int sk_err;
  __u16 sk_type;
  __u16 sk_protocol;
  __u8 sk_userlocks;
  __u8 sk_shutdown;
};

struct inet_sock {
  struct sock sk;
  __be16 inet_sport;
};
struct inet_sock___before_5_17 {
  int rx_dst_ifindex;
};

struct inet_connection_sock {
  struct inet_sock icsk_inet;
  void *icsk_ulp_data;
};

struct minmax_sample {
  __u32 t;
  __u32 v;
};
struct minmax {
  struct minmax_sample s[3];
};

struct tcp_sock {
  struct inet_connection_sock inet_conn;
  __u32 snd_una;
  __u32 snd_nxt;
  __u32 rcv_nxt;
  __u64 bytes_sent;
  __u64 bytes_retrans;
  __u64 bytes_acked;
  __u64 bytes_received;
  __u32 segs_out;
  __u32 segs_in;
  __u32 total_retrans;
  __u32 lost;
  __u32 reordering;
  __u32 srtt_us; /* eight times the value */
  __u32 mdev_us; /* four times the value */
  struct minmax rtt_min;
  __u32 snd_cwnd;
  __u32 mss_cache;
  __u32 write_seq;
  __u32 snd_wnd;
  __u32 rcv_ooopack;
  __u32 rate_delivered;
  __u32 rate_interval_us;
  bool is_mptcp;
  __u32 chrono_stat[3]; /* jiffies: busy, limited by the peer's window, limited by the send buffer */
};

struct file;
struct task_struct;
struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 session_id;
  __u64 seq_num;
};
/* Multipath TCP: the two keys of the connection, the same pair at both ends. */
struct mptcp_sock {
  __u64 local_key;
  __u64 remote_key;
};
struct mptcp_subflow_context {
  struct sock *conn; /* a mptcp_sock */
};

struct tcp_skb_cb {
  __u32 seq;
};
struct sk_buff {
  struct sock *sk;
  char cb[48]; /* TCP's own: a tcp_skb_cb */
  unsigned long _skb_refdst;
  unsigned long _nfct; /* a nf_conn; the three lowest bits say which way */
  int skb_iif;         /* by which it came in; 0: it did not */
  unsigned char *head;
  __u16 network_header; /* offsets from head, as the next two */
  __u16 transport_header;
  unsigned int end; /* skb_shared_info */
};
struct skb_shared_info {
  __u16 gso_segs;
};

/* What a SYN makes of a listener, until the last ACK. */
struct request_sock {
  struct sock_common __req_common;
  __u8 num_retrans;
};
struct tcp_request_sock {
  __u64 snt_synack; /* microseconds of the monotonic clock */
  __u32 rcv_isn;
  __u32 snt_isn;
};

/* The connection tracking entry of a packet: what was dialled, and where it goes. */
struct nf_conntrack_tuple {
  char whole[40]; /* a struct address_pair */
};
struct nf_conntrack_tuple_hash {
  struct nf_conntrack_tuple tuple;
};
struct nf_conn {
  struct nf_conntrack_tuple_hash tuplehash[2];
  unsigned long status;
};

struct sock_extended_err {
  __u32 ee_errno;
};
/* In cb of a buffer of the error queue. */
struct sock_exterr_skb {
  struct sock_extended_err ee;
};

struct socket {
  struct sock *sk;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
  __u32 fd;
  struct file *file;
};
struct bpf_iter__bpf_map_elem {
  struct bpf_iter_meta *meta;
  struct bpf_map *map;
  void *key;
  void *value;
};

#pragma clang attribute pop

/* 6.2 and later (fd264ca02094): the kernel's own form of a program's context. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;
/* 6.2 and later (a35b9af4ec2c): a checked, read-only view of any kernel pointer. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/*
 * A pointer that is only read through. Whether what is read from a trusted one may be trusted, too, the verifier of Linux
 * 6.4 and later finds out by up to four searches through the names of all kernel types, each time that it passes: it took
 * two thirds of its time for that.
 */
#define READABLE(pointer) \
  (bpf_rdonly_cast ? (typeof(pointer))bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(typeof(*(pointer)))) : (pointer))

static __always_inline __u32 netns_of(const struct sock_common *common) {
  return READABLE(common)->skc_net.net->ns.inum;
}

static __always_inline __u64 cookie_of(const struct sock *sk) { return sk->__sk_common.skc_cookie.counter; }

#endif
