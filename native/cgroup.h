// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_CGROUP_H
#define SOCKFLOW_CGROUP_H

// Opens the root of the cgroup v2 tree, mounted anywhere or, with CAP_SYS_ADMIN, nowhere. Returns a descriptor or a negative errno.
// *whole_host is false when it is only the root of the own cgroup namespace.
int open_cgroup_root(bool *whole_host);

#endif
