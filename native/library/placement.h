// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_PLACEMENT_H
#define SOCKFLOW_LIBRARY_PLACEMENT_H

#include <string>
#include <vector>

// What the paths of a process's cgroups say of its container. Empty: nothing.
struct Placement {
  std::string container_id;
  std::string runtime;
  std::string pod_uid;
};

// `paths`: of cgroup v2 and of v1 controllers. By the rules of src/enrich/cgroup.ts, which says where they are from; a
// test asks both.
Placement placement_of(const std::vector<std::string> &paths);

#endif
