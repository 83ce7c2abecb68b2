// SPDX-License-Identifier: Apache-2.0
// Looking at the table of UDP conversations: what is idle, what a closed socket left behind, what is reported.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "agent.h"
#include "flows.h"

namespace {

constexpr int64_t second = 1000000000;
constexpr int64_t at_least_every = 5 * second;

// The kernel side's clock.
int64_t boot_time() {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return t.tv_sec * second + t.tv_nsec;
}

int look(struct sf_agent *agent, enum sf_flow_task task, struct sf_flow_look *ask) {
  int64_t now = boot_time();
  *ask = {.idle_since_ns = now - agent->options.flow_idle_ns, .task = task, .round = agent->round};
  if (static_cast<int64_t>(agent->options.flow_idle_ns) > now) ask->idle_since_ns = 0;
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = ask, .ctx_size_in = sizeof(*ask));
  if (bpf_prog_test_run_opts(bpf_program__fd(agent->skeleton->progs.look_at_flows), &options)) return -errno;
  if (task == SF_FLOWS_COUNT) return 0;
  agent->flows_looked_at = now;
  agent->flows_waiting = ask->waiting;
  return 0;
}

// Many sockets that were closed are looked for soon, so that they leave the table; idle ones have time.
bool is_time(struct sf_agent *agent) {
  int64_t since = boot_time() - agent->flows_looked_at;
  bool is_work = agent->skeleton->bss->sockets_to_collect > 0;
  return agent->flows_waiting > 0 || since >= (is_work ? second : at_least_every);
}

}  // namespace

int report_flows(struct sf_agent *agent) {
  if (!agent->features.udp || !agent->options.updates) return 0;
  struct sf_flow_look ask;
  int code = look(agent, agent->options.idle_updates ? SF_FLOWS_REPORT_ALL : SF_FLOWS_REPORT, &ask);
  return code ? code : static_cast<int>(ask.waiting);
}

extern "C" int sf_collect(struct sf_agent *agent) {
  if (!agent->features.udp || !is_time(agent)) return 0;
  struct sf_flow_look ask;
  return look(agent, SF_FLOWS_COLLECT, &ask);
}

extern "C" int sf_end_flows(struct sf_agent *agent) {
  if (!agent->features.udp) return 0;
  struct sf_flow_look ask;
  int code = look(agent, SF_FLOWS_STOP, &ask);
  return code ? code : static_cast<int>(ask.waiting);
}

extern "C" int sf_live_flows(struct sf_agent *agent, uint64_t *live) {
  *live = 0;
  if (!agent->features.udp) return 0;
  struct sf_flow_look ask;
  int code = look(agent, SF_FLOWS_COUNT, &ask);
  if (!code) *live = ask.live;
  return code;
}
