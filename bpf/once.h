/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Exactly once. The kernel does not run a program inside itself: when a softirq interrupts one on its own CPU, what happens
 * in there is passed over. So two programs hang on such a hook, one behind the other; the first notes what it has seen to,
 * the second takes what is not noted.
 *
 * Interrupts nest, so the notes of a CPU are a stack: whatever was put above a note belongs to an interrupt that has ended.
 */
#ifndef SOCKFLOW_ONCE_H
#define SOCKFLOW_ONCE_H

#include "kernel.h"

#define NOTES 8

/* What a program has seen to: two numbers, mostly an address and what happened there. */
struct note {
  __u64 what;
  __u64 how;
};

struct notes {
  __u32 depth;
  __u32 unused;
  struct note note[NOTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct notes);
} noted SEC(".maps");

/*
 * For the first program. What an interrupt leaves behind that comes when the second program has just looked stays at the
 * bottom. Interrupts are never nested as deep as the stack: when it is full, it is full of that.
 */
static __always_inline void note(__u64 what, __u64 how) {
  __u32 zero = 0;
  struct notes *notes = bpf_map_lookup_elem(&noted, &zero);
  if (!notes) return;
  if (notes->depth >= NOTES) notes->depth = 0;
  struct note *top = &notes->note[notes->depth & (NOTES - 1)];
  top->what = what;
  top->how = how;
  barrier();
  notes->depth++;
}

/* For the second one: was it passed over? Takes the note back. */
static __always_inline bool was_missed(__u64 what, __u64 how) {
  __u32 zero = 0;
  struct notes *notes = bpf_map_lookup_elem(&noted, &zero);
  if (!notes) return false;
  __u32 depth = notes->depth;
  for (__u32 i = 0; i < NOTES && i < depth; i++) {
    if (notes->note[i].what != what || notes->note[i].how != how) continue;
    notes->depth = i;
    return false;
  }
  return true;
}

#endif
