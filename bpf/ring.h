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

static __always_inline void ring_submit(void *record) { bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP); }

#endif
