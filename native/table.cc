// SPDX-License-Identifier: Apache-2.0
// Looking at the connection table, and the kernel side's counters.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include <algorithm>
#include <vector>

#include "agent.h"
#include "flows.h"

namespace {

int run(struct sf_agent *agent, struct sf_look *ask) {
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = ask, .ctx_size_in = sizeof(*ask));
  return bpf_prog_test_run_opts(bpf_program__fd(agent->skeleton->progs.look_at_table), &options) ? -errno : 0;
}

// Looks at a stretch of the table and returns 1, or 0 behind its end; `at` moves on. A program is not preempted on some
// kernels, so a stretch is short.
int look(struct sf_agent *agent, uint32_t *at, enum sf_look_task task, uint64_t *live) {
  constexpr uint32_t stretch = 4096;
  uint32_t slots = bpf_map__max_entries(agent->skeleton->maps.slots);
  if (*at > slots) return 0;
  struct sf_look ask = {.first = *at, .count = std::min(stretch, slots - *at), .task = task, .round = agent->round};
  int code = run(agent, &ask);
  if (code) return code;
  if (live) *live += ask.live;
  *at = ask.next;
  return 1;
}

}  // namespace

extern "C" int sf_snapshot(struct sf_agent *agent, uint32_t *at) {
  if (!agent->features.snapshot) return -ENOTSUP;
  if (!agent->reporting)
    agent->round = agent->round >= UINT32_MAX - 1 ? 1 : agent->round + 1;  // 0: none, the highest: untold
  agent->reporting = true;
  int code = *at == 0 ? report_flows(agent) : 0;
  if (!code && agent->options.tcp) code = look(agent, at, SF_LOOK_REPORT, nullptr);
  agent->reporting = code > 0;
  return code;
}

extern "C" int sf_end_missed(struct sf_agent *agent, uint32_t *at) {
  if (!agent->features.snapshot || !agent->options.tcp) return 0;
  return look(agent, at, SF_LOOK_LAST, nullptr);
}

extern "C" void sf_end_floods(struct sf_agent *agent) {
  if (!agent->features.snapshot || !agent->options.tcp) return;
  struct sf_look ask = {.task = SF_LOOK_FLOODS};
  run(agent, &ask);
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
  values[SF_COUNT_SKIPPED_TRANSLATIONS] = agent->conntrack.skipped();
  return 0;
}

extern "C" int sf_live(struct sf_agent *agent, uint64_t *live) {
  if (!agent->features.snapshot || !agent->options.tcp) return -ENOTSUP;
  *live = 0;
  uint32_t at = 0;
  int code;
  while ((code = look(agent, &at, SF_LOOK_COUNT, live)) > 0) {
  }
  return code;
}
