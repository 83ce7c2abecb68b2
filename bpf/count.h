/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What happened and what was lost. Per CPU; atomic because a softirq may interrupt a program on its own CPU. */
#ifndef SOCKFLOW_COUNT_H
#define SOCKFLOW_COUNT_H

#include "kernel.h"
#include "wire.h"

struct sf_counts {
  __u64 value[SF_COUNT_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sf_counts);
} counts SEC(".maps");

static __always_inline void count_more(enum sf_counter which, __u64 more) {
  __u32 zero = 0;
  struct sf_counts *sums = bpf_map_lookup_elem(&counts, &zero);
  if (sums) __sync_fetch_and_add(&sums->value[which], more);
}

static __always_inline void count(enum sf_counter which) { count_more(which, 1); }

#endif
