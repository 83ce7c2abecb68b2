// SPDX-License-Identifier: Apache-2.0
// The few files of other processes that the agent looks at, and nothing else.
#ifndef SOCKFLOW_PRIVILEGED_FILES_H
#define SOCKFLOW_PRIVILEGED_FILES_H

#include <stdint.h>

#include <string>
#include <vector>

#include "protocol.h"

// All below `proc`, a proc file system. 0, or an errno.
int read_link(const std::string &proc, uint32_t pid, Link link, std::string *target);

// A descriptor to read from, or a negative errno; -EINVAL for what is no plain file of at most a mebibyte.
int open_file(const std::string &proc, uint32_t pid, File file);

// Inode numbers of the sockets that it has open; as many as an answer holds.
int list_sockets(const std::string &proc, uint32_t pid, std::vector<uint64_t> *inodes);

#endif
