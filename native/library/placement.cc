// SPDX-License-Identifier: Apache-2.0
// Container and pod by the paths of cgroups. A path is read from its end: the innermost container counts.
#include "placement.h"

#include <algorithm>
#include <cstdint>
#include <regex>

namespace {

using Names = std::vector<std::string>;

struct ContainerName {
  std::string id;
  std::string runtime;
};

// Finding a pattern in a name of 255 bytes takes a stack frame a byte; names are no longer than that.
constexpr size_t longest_name = 255;

bool find(const std::string &name, const char *pattern, std::smatch *match) {
  return name.size() <= longest_name && std::regex_search(name, *match, std::regex(pattern));
}

bool find(const std::string &name, const std::regex &pattern, std::smatch *match) {
  return name.size() <= longest_name && std::regex_search(name, *match, pattern);
}

Names split(const std::string &path) {
  Names names;
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) names.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

bool starts_with(const std::string &text, const char *with) { return text.rfind(with, 0) == 0; }

bool is_hex(const std::string &text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Programs of the runtime that stand beside a container.
bool is_monitor(const Names &names, size_t at) {
  const auto &name = names[at];
  return starts_with(name, "crio-conmon-") || starts_with(name, "libpod-conmon-") || name == "lxc.monitor" ||
         starts_with(name, "lxc.monitor.") || (name == "conmon" && at > 0 && names[at - 1] == "libpod_parent");
}

std::string pod_of(const std::string &name) {
  static const std::regex pattern(
      "(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})"
      "(?=\\.slice|:|$)");
  std::smatch match;
  if (!find(name, pattern, &match)) return "";
  std::string uid = match[1];
  std::replace(uid.begin(), uid.end(), '_', '-');
  return uid;
}

// By the prefix that a runtime gives to the 64 digits of an id.
const char *runtime_of_prefix(const std::string &prefix) {
  if (prefix == "docker") return "docker";
  if (prefix == "cri-containerd" || prefix == "containerd" || prefix == "nerdctl") return "containerd";
  if (prefix == "crio") return "cri-o";
  if (prefix == "libpod" || prefix == "libpod-payload") return "podman";
  return nullptr;
}

// Of folders that hold containers under their bare ids.
const char *runtime_of_parent(const std::string &parent) {
  if (parent == "docker" || parent == "ecs" || parent == "actions_job") return "docker";
  if (parent == "default" || parent == "k8s.io") return "containerd";
  if (parent == "libpod_parent") return "podman";
  return nullptr;
}

bool has_id(const std::string &name) {
  size_t run = 0;
  for (char c : name) {
    run = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? run + 1 : 0;
    if (run == 64) return true;
  }
  return false;
}

std::string runtime_above(const Names &names, size_t at) {
  while (at-- > 0) {
    if (const char *runtime = runtime_of_parent(names[at])) return runtime;
    if (!pod_of(names[at]).empty() || has_id(names[at])) return "";
  }
  return "";
}

bool hex_name(const Names &names, size_t at, ContainerName *container) {
  static const std::regex prefixed("^(?:[^:]*:)?([a-z]+(?:-[a-z]+)?)[-:]([0-9a-f]{64})(?:\\.scope)?$");
  const auto &name = names[at];
  std::smatch match;
  if (find(name, prefixed, &match)) {
    const char *runtime = runtime_of_prefix(match[1]);
    if (runtime) *container = {match[2], runtime};
    return runtime != nullptr;
  }
  if (is_hex(name, 64)) {
    *container = {name, runtime_above(names, at)};
    return true;
  }
  // Amazon Fargate.
  if (!find(name, "^[0-9a-f]{32}-[0-9]{6,12}$", &match)) return false;
  *container = {name, "containerd"};
  return true;
}

bool lxc_name(const Names &names, size_t at, ContainerName *container) {
  constexpr const char *payload = "lxc.payload.";
  const auto &name = names[at];
  if (at > 0 && (names[at - 1] == "lxc" || names[at - 1] == "lxc.payload")) {
    *container = {name, "lxc"};
    return true;
  }
  if (!starts_with(name, payload) || name == payload) return false;
  *container = {name.substr(std::string(payload).size()), "lxc"};
  return true;
}

// \x2d stands for a hyphen, and so on.
std::string unescape_unit(const std::string &name) {
  std::string plain;
  for (size_t at = 0; at < name.size(); at++) {
    if (name.compare(at, 2, "\\x") == 0 && at + 4 <= name.size() && is_hex(name.substr(at + 2, 2), 2)) {
      uint32_t code = std::stoul(name.substr(at + 2, 2), nullptr, 16);
      // As UTF-8, in which all text is.
      if (code < 0x80) {
        plain += static_cast<char>(code);
      } else {
        plain += static_cast<char>(0xc0 | code >> 6);
        plain += static_cast<char>(0x80 | (code & 0x3f));
      }
      at += 3;
    } else {
      plain += name[at];
    }
  }
  return plain;
}

bool nspawn_name(const Names &names, size_t at, ContainerName *container) {
  std::smatch match;
  if (at + 1 >= names.size() || names[at + 1] != "payload") return false;
  if (!find(names[at], "^(?:systemd-nspawn@(.+)\\.service|machine-(.+)\\.scope)$", &match)) return false;
  *container = {unescape_unit(match[1].matched ? match[1] : match[2]), "systemd-nspawn"};
  return true;
}

bool nomad_name(const Names &names, size_t at, ContainerName *container) {
  std::smatch match;
  if (names[0] != "nomad" && names[0] != "nomad.slice") return false;
  if (!find(names[at], "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\.[^/]+?)(?:\\.scope)?$",
            &match))
    return false;
  *container = {match[1], "nomad"};
  return true;
}

// Containers of `ctr` have any name; only as a whole path.
bool ctr_name(const Names &names, size_t at, ContainerName *container) {
  if (at != 1 || names.size() != 2 || (names[0] != "default" && names[0] != "k8s.io")) return false;
  *container = {names[1], "containerd"};
  return true;
}

bool container_at(const Names &names, size_t at, ContainerName *container) {
  return hex_name(names, at, container) || lxc_name(names, at, container) || nspawn_name(names, at, container) ||
         nomad_name(names, at, container) || ctr_name(names, at, container);
}

Placement placement_of_path(const std::string &path) {
  Names names = split(path);
  Placement placement;
  for (size_t at = 0; at < names.size(); at++)
    if (is_monitor(names, at)) return placement;
  for (size_t at = names.size(); at-- > 0 && placement.pod_uid.empty();) placement.pod_uid = pod_of(names[at]);
  ContainerName container;
  for (size_t at = names.size(); at-- > 0;)
    if (container_at(names, at, &container)) {
      placement.container_id = container.id;
      placement.runtime = container.runtime;
      break;
    }
  return placement;
}

}  // namespace

Placement placement_of(const std::vector<std::string> &paths) {
  Placement found;
  for (const auto &path : paths) {
    Placement placement = placement_of_path(path);
    if (!placement.container_id.empty()) return placement;
    if (found.pod_uid.empty()) found.pod_uid = placement.pod_uid;
  }
  return found;
}
