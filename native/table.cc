// SPDX-License-Identifier: Apache-2.0
// Looking at the connection table, and the kernel side's counters.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include <vector>

#include "agent.h"

namespace {

// Stretch by stretch: a program is not preempted on some kernels.
int look_at_table(struct sf_agent *agent, bool report, uint64_t *live) {
  constexpr uint32_t stretch = 4096;
  int program = bpf_program__fd(agent->skeleton->progs.look_at_table);
  if (program < 0) return -ENOTSUP;
  *live = 0;
  for (uint32_t first = 0; first < bpf_map__max_entries(agent->skeleton->maps.slots); first += stretch) {
    struct sf_look ask = {.first = first, .count = stretch, .report = report, .live = 0};
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &ask, .ctx_size_in = sizeof(ask));
    if (bpf_prog_test_run_opts(program, &options)) return -errno;
    *live += ask.live;
  }
  return 0;
}

}  // namespace

extern "C" int sf_snapshot(struct sf_agent *agent) {
  if (!agent->features.snapshot) return -ENOTSUP;
  uint64_t live = 0;
  return look_at_table(agent, true, &live);
}

extern "C" int sf_counts(struct sf_agent *agent, uint64_t values[SF_COUNT_MAX]) {
  int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return cpus;
  std::vector<uint64_t> all(static_cast<size_t>(cpus) * SF_COUNT_MAX);
  uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(agent->skeleton->maps.counts), &zero, all.data())) return -errno;
  for (int i = 0; i < SF_COUNT_MAX; i++) {
    values[i] = 0;
    for (int cpu = 0; cpu < cpus; cpu++) values[i] += all[static_cast<size_t>(cpu) * SF_COUNT_MAX + i];
  }
  return 0;
}

extern "C" int sf_live(struct sf_agent *agent, uint64_t *live) { return look_at_table(agent, false, live); }
