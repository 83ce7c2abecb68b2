/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whose connection it is. Never `current` in a state change other than SYN_SENT and LISTEN: elsewhere that is whoever
 * the softirq interrupted. The owner is the last of: who listened, who used the socket, who released it.
 * docs/decisions/0002-owner.md
 */
#ifndef SOCKFLOW_OWNER_H
#define SOCKFLOW_OWNER_H

#include "connection.h"
#include "process.h"

struct listener_key {
  __u8 address[16];
  __u32 netns;
  __u16 port;
  __u16 family;
};

struct listener {
  __u64 sk; /* the first one */
  __u32 pid;
  __u32 process;
  __u32 sockets; /* more than one with SO_REUSEPORT */
  __u32 several; /* of different processes: the listener does not tell who accepts */
};

/* Inserted at LISTEN, deleted when the last socket of the address stops listening. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, struct listener_key);
  __type(value, struct listener);
} listeners SEC(".maps");

/*
 * Listeners of one address, by the low bits of their port; at least as many as there are. Most listen on all addresses, and
 * where nobody does otherwise each accepted connection is spared a look-up that finds nothing.
 */
#define PORT_GROUPS 4096

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PORT_GROUPS);
  __type(key, __u32);
  __type(value, __u32);
} of_one_address SEC(".maps");

static __always_inline __u32 *listeners_of_one_address(__u16 port) {
  __u32 group = port & (PORT_GROUPS - 1);
  return bpf_map_lookup_elem(&of_one_address, &group);
}

static __always_inline bool is_of_all_addresses(const struct listener_key *key) {
  const __u64 *address = (const __u64 *)key->address;
  return !address[0] && !address[1];
}

static __always_inline void listener_counts(const struct listener_key *key, int more) {
  __u32 *others = listeners_of_one_address(key->port);
  if (others && !is_of_all_addresses(key)) __sync_fetch_and_add(others, more);
}

static __always_inline void listener_address(struct listener_key *key, const struct sock *sk) {
  key->netns = netns_of(&sk->__sk_common);
  key->port = sk->__sk_common.skc_num;
  /* At LISTEN to CLOSE it may be 0 already. */
  if (!key->port) key->port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
  key->family = sk->__sk_common.skc_family;
  if (key->family == AF_INET)
    *(__be32 *)key->address = sk->__sk_common.skc_rcv_saddr;
  else
    __builtin_memcpy(key->address, sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8, 16);
}

static __always_inline void listener_begin(const struct sock *sk, __u32 pid, __u32 process) {
  struct listener_key key = {};
  listener_address(&key, sk);
  struct listener *other = bpf_map_lookup_elem(&listeners, &key);
  if (other) {
    if (other->sk == (__u64)sk) return; /* found at start, open in another process as well */
    __sync_fetch_and_add(&other->sockets, 1);
    if (other->process != process) other->several = 1;
    return;
  }
  struct listener fresh = {.sk = (__u64)sk, .pid = pid, .process = process, .sockets = 1};
  listener_counts(&key, 1);
  if (!bpf_map_update_elem(&listeners, &key, &fresh, BPF_ANY)) return;
  listener_counts(&key, -1);
  count(SF_COUNT_DROPPED_LISTENERS);
}

static __always_inline void listener_end(const struct sock *sk) {
  struct listener_key key = {};
  listener_address(&key, sk);
  struct listener *listener = bpf_map_lookup_elem(&listeners, &key);
  if (!listener || __sync_fetch_and_add(&listener->sockets, -1) != 1) return;
  if (!bpf_map_delete_elem(&listeners, &key)) listener_counts(&key, -1);
}

/* Who listens for this accepted socket: its own address first, then the wildcard of its family, then the dual-stack one. */
static __always_inline struct listener *listener_of(const struct sock *sk) {
  struct listener_key key = {};
  listener_address(&key, sk);
  const __u32 *others = listeners_of_one_address(key.port);
  struct listener *found = others && *others ? bpf_map_lookup_elem(&listeners, &key) : NULL;
  if (found) return found;
  __builtin_memset(key.address, 0, sizeof(key.address));
  return bpf_map_lookup_elem(&listeners, &key);
}

static __always_inline void owner_from_listener(struct connection *connection, const struct sock *sk) {
  struct listener *listener = listener_of(sk);
  if (!listener || listener->several || !listener->process) return;
  connection->pid = listener->pid;
  connection->process = listener->process;
  connection->attribution = SF_OWNER_LISTENER;
}

static __always_inline void owner_from_current(struct connection *connection, enum sf_attribution how) {
  __u32 process = current_process();
  if (!process) return;
  if (connection->process == process && connection->attribution >= how) return;
  /* A client that goes on using what it opened keeps `open`: nothing was learnt. */
  if (connection->process == process && connection->attribution == SF_OWNER_OPEN) return;
  connection->pid = bpf_get_current_pid_tgid() >> 32;
  connection->process = process;
  connection->attribution = how;
}

/*
 * First use. This runs at each send and receive, so what was checked last is remembered per socket and compared first:
 * a few loads, no look-up. The memory map stands for the program (exec changes it), the pid for the process.
 */
struct seen {
  __u64 cookie;
  __u64 mm;
  __u64 pid;
};

#define SEEN_SLOTS 16384

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SEEN_SLOTS);
  __type(key, __u32);
  __type(value, struct seen);
} seen_users SEC(".maps");

static __always_inline struct seen *seen_of(__u64 cookie) {
  __u32 slot = cookie & (SEEN_SLOTS - 1);
  return bpf_map_lookup_elem(&seen_users, &slot);
}

/* Was the current process the one that used this socket last? */
static __always_inline bool is_seen(const struct seen *seen, __u64 cookie) {
  struct task_struct *task = this_task();
  return seen->cookie == cookie && seen->mm == (__u64)task->mm && seen->pid == task->tgid;
}

static __always_inline void remember_user(struct seen *seen, __u64 cookie) {
  struct task_struct *task = this_task();
  seen->cookie = cookie;
  seen->mm = (__u64)task->mm;
  seen->pid = task->tgid;
}

/* Whoever goes on using what it opened is known already. */
static __always_inline void owner_by_opening(struct connection *connection) {
  owner_from_current(connection, SF_OWNER_OPEN);
  struct seen *seen = seen_of(connection->cookie);
  if (seen && connection->process) remember_user(seen, connection->cookie);
}

static __always_inline void owner_by_use(const struct sock *sk) {
  __u64 cookie = sk->__sk_common.skc_cookie.counter;
  struct seen *seen = seen_of(cookie);
  if (!seen || is_seen(seen, cookie)) return;
  struct connection *connection = connection_get(sk, cookie);
  if (!connection) return;
  owner_from_current(connection, SF_OWNER_USE);
  remember_user(seen, cookie);
}

#endif
