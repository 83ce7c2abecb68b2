// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_NAMES_H
#define SOCKFLOW_LIBRARY_NAMES_H

#include <stdint.h>

#include <string>
#include <vector>

#include "placement.h"
#include "recent.h"

// What a runtime calls a container. Empty: not known.
struct ContainerNames {
  std::string container;
  std::string pod;
  std::string pod_namespace;
};

// Asks runtimes, each container once. One thread at a time.
class Names {
 public:
  // Where to ask; empty: where runtimes are by default.
  Names(const std::string &docker_socket, const std::string &containerd_state);

  ContainerNames Of(const Placement &placement);

 private:
  bool Ask(const Placement &placement, ContainerNames *names);

  const std::vector<std::string> docker_sockets_;
  const std::vector<std::string> containerd_states_;
  Recent<std::string, ContainerNames> known_;
  int64_t silent_until_ns_ = 0;  // a runtime that did not answer in time is let alone until then
};

#endif
