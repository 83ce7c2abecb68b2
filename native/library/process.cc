// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <string.h>

#include <vector>

namespace {

std::string text_of(const char *field, size_t size) { return std::string(field, strnlen(field, size)); }

// Components, the last one first, each ended by NUL.
std::string path_of(const struct sf_process &record, enum sf_part part) {
  size_t begin = part == 0 ? 0 : record.part_end[part - 1];
  std::string path;
  while (begin < record.part_end[part]) {
    std::string name = text_of(record.data + begin, record.part_end[part] - begin);
    path = path.empty() ? "/" + name : "/" + name + path;
    begin += name.size() + 1;
  }
  return path;
}

std::vector<std::string> cgroups_of(const struct sf_process &record) {
  std::vector<std::string> paths;
  for (auto part : {SF_PART_CGROUP, SF_PART_CGROUP_MEMORY, SF_PART_CGROUP_PIDS}) {
    std::string path = path_of(record, part);
    if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

}  // namespace

bool is_whole(const struct sf_process &record, size_t length) {
  if (length < offsetof(struct sf_process, data)) return false;
  size_t before = 0;
  for (auto end : record.part_end) {
    if (end < before || end > length - offsetof(struct sf_process, data)) return false;
    before = end;
  }
  return true;
}

Process process_of(const struct sf_process &record) {
  auto cgroups = cgroups_of(record);
  return {.pid = record.pid,
          .user_id = record.user_id,
          .group_id = record.group_id,
          .parent_pid = record.parent_pid,
          .parent_user_id = record.parent_user_id,
          .name = text_of(record.name, sizeof(record.name)),
          .path = path_of(record, SF_PART_EXE),
          .parent_name = text_of(record.parent_name, sizeof(record.parent_name)),
          .parent_path = path_of(record, SF_PART_PARENT_EXE),
          .cgroup = cgroups.empty() ? "" : cgroups[0],
          .placement = placement_of(cgroups),
          .names = {}};
}
