// SPDX-License-Identifier: Apache-2.0
// A filter of system calls for what the program has no use for after its start.
#ifndef SOCKFLOW_RESTRICT_H
#define SOCKFLOW_RESTRICT_H

enum class Forbidden {
  all,             // the agent
  but_namespaces,  // may enter network namespaces, and need not do anything with BPF
};

// For every thread of this process, and for good; sets no_new_privs. What is forbidden fails with EPERM. 0 or a negative errno.
int forbid(Forbidden what);

#endif
