// SPDX-License-Identifier: Apache-2.0
#include "bundle.h"

#include <fstream>

#include "json.h"

namespace {

constexpr size_t longest = 1 << 20;

std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(longest, '\0');
  file.read(text.data(), static_cast<std::streamsize>(longest));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

bool names_in_bundle(const std::string &state, const std::string &id, ContainerNames *names) {
  auto config = parse_json(read_file(state + "/io.containerd.runtime.v2.task/k8s.io/" + id + "/config.json"));
  auto annotations = field_of(config, "annotations");
  names->container = text_of(annotations, "io.kubernetes.cri.container-name");
  names->pod = text_of(annotations, "io.kubernetes.cri.sandbox-name");
  names->pod_namespace = text_of(annotations, "io.kubernetes.cri.sandbox-namespace");
  return !names->container.empty() || !names->pod.empty();
}
