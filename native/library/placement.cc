// SPDX-License-Identifier: Apache-2.0
// Container and pod by the paths of cgroups. A path is read from its end: the innermost container counts.
#include "placement.h"

#include <algorithm>
#include <cstdint>

namespace {

using Names = std::vector<std::string>;

struct ContainerName {
  std::string id;
  std::string runtime;
};

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

bool ends_with(const std::string &text, const std::string &with) {
  return text.size() >= with.size() && text.compare(text.size() - with.size(), with.size(), with) == 0;
}

// Without `begin` and `end` around it; empty when they are not, or there is nothing between.
std::string between(const std::string &text, const std::string &begin, const std::string &end) {
  if (!starts_with(text, begin.c_str()) || !ends_with(text, end) || text.size() <= begin.size() + end.size()) return "";
  return text.substr(begin.size(), text.size() - begin.size() - end.size());
}

bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_hex(const std::string &text, size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), is_hex_digit);
}

// 8-4-4-4-12 digits at `at`; between them is one of `separators`.
bool is_uuid_at(const std::string &text, size_t at, const char *separators) {
  constexpr size_t length = 36;
  if (text.size() < at + length) return false;
  for (size_t i = 0; i < length; i++) {
    char c = text[at + i];
    bool separates = i == 8 || i == 13 || i == 18 || i == 23;
    if (separates ? std::string(separators).find(c) == std::string::npos : !is_hex_digit(c)) return false;
  }
  return true;
}

// Programs of the runtime that stand beside a container.
bool is_monitor(const Names &names, size_t at) {
  const auto &name = names[at];
  return starts_with(name, "crio-conmon-") || starts_with(name, "libpod-conmon-") || name == "lxc.monitor" ||
         starts_with(name, "lxc.monitor.") || (name == "conmon" && at > 0 && names[at - 1] == "libpod_parent");
}

// How long the uid of a pod at `at` is: 36 with separators, 32 of a static pod, which has a hash; 0: none is there.
size_t uid_length(const std::string &name, size_t at) {
  size_t length = is_uuid_at(name, at, "-_") ? 36 : at + 32 <= name.size() && is_hex(name.substr(at, 32), 32) ? 32 : 0;
  size_t behind = at + length;
  bool ends = behind == name.size() || name[behind] == ':' || name.compare(behind, 6, ".slice") == 0;
  return length && ends ? length : 0;
}

std::string pod_of(const std::string &name) {
  for (size_t at = name.find("pod"); at != std::string::npos; at = name.find("pod", at + 1)) {
    size_t length = at == 0 || name[at - 1] == '-' ? uid_length(name, at + 3) : 0;
    if (!length) continue;
    std::string uid = name.substr(at + 3, length);
    std::replace(uid.begin(), uid.end(), '_', '-');
    return uid;
  }
  return "";
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
    run = is_hex_digit(c) ? run + 1 : 0;
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

// `docker-ID.scope`, `crio-ID`, `kubepods-….slice:cri-containerd:ID`: what stands before the ID; empty: it is no such name.
std::string prefix_of(const std::string &name, std::string *id) {
  constexpr size_t digits = 64;
  std::string whole = ends_with(name, ".scope") ? name.substr(0, name.size() - 6) : name;
  if (whole.size() < digits + 2) return "";
  *id = whole.substr(whole.size() - digits);
  char separator = whole[whole.size() - digits - 1];
  if (!is_hex(*id, digits) || (separator != '-' && separator != ':')) return "";
  std::string before = whole.substr(0, whole.size() - digits - 1);
  size_t colon = before.find(':');
  return colon == std::string::npos ? before : before.substr(colon + 1);
}

// Small letters, or two words of them with a hyphen between.
bool is_prefix(const std::string &text) {
  size_t hyphen = text.find('-');
  auto is_word = [](const std::string &word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  };
  if (hyphen == std::string::npos) return is_word(text);
  return is_word(text.substr(0, hyphen)) && is_word(text.substr(hyphen + 1));
}

// Amazon Fargate: the task, and a number.
bool is_fargate(const std::string &name) {
  if (name.size() < 39 || name.size() > 45 || !is_hex(name.substr(0, 32), 32) || name[32] != '-') return false;
  return name.find_first_not_of("0123456789", 33) == std::string::npos;
}

bool hex_name(const Names &names, size_t at, ContainerName *container) {
  const auto &name = names[at];
  std::string id;
  std::string prefix = prefix_of(name, &id);
  if (is_prefix(prefix)) {
    const char *runtime = runtime_of_prefix(prefix);
    if (runtime) *container = {id, runtime};
    return runtime != nullptr;
  }
  if (is_hex(name, 64)) {
    *container = {name, runtime_above(names, at)};
    return true;
  }
  if (!is_fargate(name)) return false;
  *container = {name, "containerd"};
  return true;
}

bool lxc_name(const Names &names, size_t at, ContainerName *container) {
  const auto &name = names[at];
  if (at > 0 && (names[at - 1] == "lxc" || names[at - 1] == "lxc.payload")) {
    *container = {name, "lxc"};
    return true;
  }
  std::string id = between(name, "lxc.payload.", "");
  if (id.empty()) return false;
  *container = {id, "lxc"};
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
  if (at + 1 >= names.size() || names[at + 1] != "payload") return false;
  std::string id = between(names[at], "systemd-nspawn@", ".service");
  if (id.empty()) id = between(names[at], "machine-", ".scope");
  if (id.empty()) return false;
  *container = {unescape_unit(id), "systemd-nspawn"};
  return true;
}

// ALLOCATION.TASK
bool nomad_name(const Names &names, size_t at, ContainerName *container) {
  const auto &name = names[at];
  if (names[0] != "nomad" && names[0] != "nomad.slice") return false;
  if (!is_uuid_at(name, 0, "-") || name.size() < 38 || name[36] != '.') return false;
  bool is_scope = ends_with(name, ".scope") && name.size() > 37 + 6;
  *container = {is_scope ? name.substr(0, name.size() - 6) : name, "nomad"};
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
