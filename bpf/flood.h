/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Floods and scans: segments for no connection that are answered by a reset each. Whoever sends them decides how many there
 * are, so only the first ones of a second are told one by one; what comes beyond is gathered and told as one record, with what
 * all of it has in common. None is left out: the sum is the kernel's own count (OutRsts).
 */
#ifndef SOCKFLOW_FLOOD_H
#define SOCKFLOW_FLOOD_H

#include "emit.h"

#define TOLD_SINGLY 100 /* in a second; none in the next one when there were more */
#define FLOOD_KEPT (10 * SECOND)
#define WORDS 5 /* two of each address, one of the ports */

const volatile bool gather_resets = false; /* is there a look at the table, which tells what is left? */

struct flood_key {
  __u64 listener; /* cookie; 0: nobody listens there */
  __u32 netns;
  __u32 reason;
  __u32 family;
  __u32 unused;
};

struct flood {
  __u64 second_ns; /* when this second began */
  __u32 seen;      /* in it */
  __u32 gathered;  /* and not told yet */
  __u64 first_ns;  /* of these */
  __u64 last_ns;
  /* Bits that any of them has, and that all of them have: where these are equal, all are. */
  __u64 any[WORDS];
  __u64 all[WORDS];
  __u32 pid; /* of the listener's owner, as the next three */
  __u32 process;
  __u8 role;
  __u8 attribution;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024); /* what finds no place is told one by one */
  __type(key, struct flood_key);
  __type(value, struct flood);
} floods SEC(".maps");

static __always_inline void read_words(__u64 words[WORDS], const struct sf_connection *r) {
  __builtin_memcpy(words, r->local_address, 16);
  __builtin_memcpy(words + 2, r->peer_address, 16);
  words[4] = (__u64)r->local_port << 32 | r->peer_port;
}

/* Marked first and counted then, and taken the other way round: what is told has been marked. */
static __always_inline void gather(struct flood *f, const struct sf_connection *r) {
  __u64 words[WORDS];
  read_words(words, r);
  for (int i = 0; i < WORDS; i++) {
    __sync_fetch_and_or(&f->any[i], words[i]);
    __sync_fetch_and_and(&f->all[i], words[i]);
  }
  f->last_ns = r->time_ns;
  if (__sync_fetch_and_add(&f->gathered, 1) == 0) f->first_ns = r->time_ns;
}

/* An address or a port that is not the same for all of them stays 0. */
static __always_inline void take_endpoints(struct sf_connection *r, struct flood *f) {
  __u64 words[WORDS], differ[WORDS];
  for (int i = 0; i < WORDS; i++) {
    words[i] = __sync_lock_test_and_set(&f->any[i], 0);
    differ[i] = words[i] ^ __sync_lock_test_and_set(&f->all[i], ~0ULL);
  }
  if (!differ[0] && !differ[1]) __builtin_memcpy(r->local_address, words, 16);
  if (!differ[2] && !differ[3]) __builtin_memcpy(r->peer_address, words + 2, 16);
  if (!(differ[4] >> 32)) r->local_port = words[4] >> 32;
  if (!(differ[4] & 0xffffffff)) r->peer_port = words[4];
}

static __always_inline void copy_owner(struct sf_connection *r, const struct flood *f) {
  r->role = f->role;
  r->attribution = f->attribution;
  r->pid = f->pid;
  r->process = f->process;
}

/* What found no room in the ring waits. */
static __always_inline void tell_flood(const struct flood_key *key, struct flood *f) {
  if (!f->gathered) return;
  struct sf_connection *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) return;
  fill_bare(r, SF_EVENT_RESET_SENT);
  r->start_ns = f->first_ns;
  r->time_ns = f->last_ns;
  r->segments = __sync_lock_test_and_set(&f->gathered, 0);
  take_endpoints(r, f);
  copy_owner(r, f);
  r->family = key->family;
  r->netns = key->netns;
  r->detail = key->reason;
  r->state = key->listener ? TCP_LISTEN : TCP_CLOSE;
  r->id = mix(r->time_ns ^ key->listener);
  /* Another CPU was quicker. */
  if (r->segments)
    ring_submit(r);
  else
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
}

static __always_inline void new_second(const struct flood_key *key, struct flood *f, __u64 now) {
  __u64 before = f->second_ns;
  if (now - before < SECOND || __sync_val_compare_and_swap(&f->second_ns, before, now) != before) return;
  f->seen = f->seen > TOLD_SINGLY ? TOLD_SINGLY : 0;
  tell_flood(key, f);
}

/* False: tell this one, whose owner and endpoints are there by then. */
static __always_inline bool flooded(struct sf_connection *r, const struct sock *listener) {
  struct flood_key key = {.netns = r->netns, .reason = r->detail, .family = r->family};
  if (listener) key.listener = cookie_of(listener);
  struct flood *f = bpf_map_lookup_elem(&floods, &key);
  if (!f) {
    if (listener) owned_by_listener(r, listener);
    if (!gather_resets) return false;
    struct flood fresh = {.second_ns = r->time_ns, .seen = 1};
    for (int i = 0; i < WORDS; i++) fresh.all[i] = ~0ULL;
    fresh.pid = r->pid, fresh.process = r->process;
    fresh.role = r->role, fresh.attribution = r->attribution;
    bpf_map_update_elem(&floods, &key, &fresh, BPF_NOEXIST);
    return false;
  }
  new_second(&key, f, r->time_ns);
  if (__sync_fetch_and_add(&f->seen, 1) < TOLD_SINGLY) {
    copy_owner(r, f);
    return false;
  }
  gather(f, r);
  return true;
}

static long look_at_flood(void *map, const struct flood_key *key, struct flood *f, void *context) {
  tell_flood(key, f);
  if (!f->gathered && bpf_ktime_get_boot_ns() - f->second_ns > FLOOD_KEPT) bpf_map_delete_elem(&floods, key);
  return 0;
}

#endif
