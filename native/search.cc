// SPDX-License-Identifier: Apache-2.0
// Looking through the open files of all processes for connections that the table does not have.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "agent.h"

namespace {

// A descriptor to read from, or a negative errno.
int begin_search(struct sf_agent *agent) {
  if (!agent->searcher) agent->searcher = bpf_program__attach_iter(agent->skeleton->progs.existing, nullptr);
  if (!agent->searcher) return -errno;
  int search = bpf_iter_create(bpf_link__fd(agent->searcher));
  return search < 0 ? -errno : search;
}

// One part of it. Returns 1 while there is more, 0 at the end, or a negative errno.
int search_on(int search) {
  char pause;
  ssize_t got = read(search, &pause, sizeof(pause));
  return got < 0 ? -errno : static_cast<int>(got);
}

// Were connections lost since the last time, or then, that the table may have room for now?
bool is_worth_it(struct sf_agent *agent) {
  auto *shared = agent->skeleton->bss;
  uint64_t counts[SF_COUNT_MAX];
  if (!agent->options.tcp || !agent->options.existing || sf_counts(agent, counts)) return false;
  bool lost = counts[SF_COUNT_LOST_TABLE] != agent->looked_for || shared->homeless;
  if (!lost || shared->overflowed >= bpf_map__max_entries(agent->skeleton->maps.overflow)) return false;
  agent->looked_for = counts[SF_COUNT_LOST_TABLE];
  shared->looking_again = true;
  shared->homeless = 0;
  return true;
}

}  // namespace

extern "C" int sf_find_existing(struct sf_agent *agent) {
  if (!agent->options.existing) return 0;
  int search = begin_search(agent);
  if (search < 0) return search;
  int code;
  while ((code = search_on(search)) > 0) {
  }
  close(search);
  return code;
}

extern "C" int sf_find_again(struct sf_agent *agent) {
  if (agent->search < 0) {
    if (!is_worth_it(agent)) return 0;
    agent->search = begin_search(agent);
    if (agent->search < 0) return agent->search;
  }
  int code = search_on(agent->search);
  if (code > 0) return code;
  close(agent->search);
  agent->search = -1;
  return code;
}
