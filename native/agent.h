// SPDX-License-Identifier: Apache-2.0
// What the parts of the core share. The agent belongs to whoever calls the core; see core.h.
#ifndef SOCKFLOW_AGENT_H
#define SOCKFLOW_AGENT_H

#include <stdint.h>

#include <atomic>
#include <memory>

#include "conntrack.h"
#include "interface.h"
#include "remote.h"
#include "route.h"
#include "core.h"
#include "sockflow.skel.h"

struct sf_agent {
  struct sf_options options = {};
  struct sockflow_bpf *skeleton = nullptr;
  struct ring_buffer *ring = nullptr;
  struct bpf_link *cgroup_hooks[5] = {};
  Routes routes;
  Interfaces interfaces;
  Conntrack conntrack;
  std::unique_ptr<Remote> remote;  // who is asked instead of the three
  struct sf_features features = {};
  std::atomic<uint32_t> round{0};  // of snapshots; read by any thread
  bool reporting = false;          // one is under way
  bool packets = false;            // the kernel lets programs look at them
  // For connections that had no room, while one is under way; and how many had none when the last one began.
  struct bpf_link *searcher = nullptr;  // makes searches; kept, since making it takes more rights than using it
  int search = -1;
  uint64_t looked_for = 0;
  // The batch that sf_read is filling.
  char *at = nullptr;
  char *end = nullptr;
  int64_t unix_minus_boot = 0;
  // When the flow table was looked at last, CLOCK_BOOTTIME; what then found no room in the ring.
  int64_t flows_looked_at = 0;
  uint32_t flows_waiting = 0;
  // How long a jiffy is; 0 until it was measured.
  double jiffy_ms = 0;
  uint64_t first_jiffies = 0;
  int64_t first_reading = 0;
};

#endif
