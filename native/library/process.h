// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_PROCESS_H
#define SOCKFLOW_LIBRARY_PROCESS_H

#include <linux/types.h>
#include <stddef.h>

#include <string>

#include "../../bpf/wire.h"
#include "names.h"
#include "placement.h"

// The kernel's description of a process in the texts that an event has. Empty: not known.
struct Process {
  uint32_t pid;
  uint32_t user_id;
  uint32_t group_id;
  uint32_t parent_pid;
  uint32_t parent_user_id;
  std::string name;
  std::string path;
  std::string parent_name;
  std::string parent_path;
  std::string cgroup;
  Placement placement;
  ContainerNames names;
};

// `length`: of the record, which may have less data than sf_process has room for.
bool is_whole(const struct sf_process &record, size_t length);
Process process_of(const struct sf_process &record);

#endif
