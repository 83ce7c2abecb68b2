// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <time.h>

#include <algorithm>

#include "bundle.h"
#include "docker.h"

namespace {

constexpr size_t most_containers = 8192;
constexpr int64_t pause_ns = 10000000000LL;

int64_t now_ns() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

std::vector<std::string> only_or(const std::string &given, std::vector<std::string> usual) {
  return given.empty() ? usual : std::vector<std::string>{given};
}

// It becomes part of a path and of a request.
bool is_plain(const std::string &id) {
  return !id.empty() && id[0] != '.' && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace

Names::Names(const std::string &docker_socket, const std::string &containerd_state)
    : docker_sockets_(only_or(docker_socket, {"/run/docker.sock", "/run/podman/podman.sock"})),
      containerd_states_(only_or(
          containerd_state, {"/run/containerd", "/run/k3s/containerd", "/var/snap/microk8s/common/run/containerd"})),
      known_(most_containers) {}

ContainerNames Names::Of(const Placement &placement) {
  const std::string &id = placement.container_id;
  if (!is_plain(id)) return {};
  if (ContainerNames *names = known_.Find(id)) return *names;
  ContainerNames names;
  // One that nobody knows yet may be known a moment later.
  if (Ask(placement, &names)) known_.Put(id, names);
  return names;
}

// A file is cheaper than a question, so it is looked for first.
bool Names::Ask(const Placement &placement, ContainerNames *names) {
  for (auto &state : containerd_states_)
    if (names_in_bundle(state, placement.container_id, names)) return true;
  if (now_ns() < silent_until_ns_) return false;
  for (auto &socket : docker_sockets_) {
    Asked answer = ask_docker(socket, placement.container_id, names);
    if (answer == Asked::told) return true;
    if (answer == Asked::silent) silent_until_ns_ = now_ns() + pause_ns;
  }
  return false;
}
