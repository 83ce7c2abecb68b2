/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The way to user space. Nobody is woken: the reader polls with a bounded delay, since a wake-up for each event costs
 * a busy host a third of its connection rate.
 */
#ifndef SOCKFLOW_RING_H
#define SOCKFLOW_RING_H

#include "kernel.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 * 1024 * 1024); /* user space sets it before loading */
} ring SEC(".maps");

const volatile __u64 ring_half = 0; /* bytes */

/* What can wait leaves half of the ring to what happens. */
static __always_inline bool ring_has_room(void) { return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) <= ring_half; }

static __always_inline void ring_submit(void *record) { bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP); }

#endif
