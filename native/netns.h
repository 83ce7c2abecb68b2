// SPDX-License-Identifier: Apache-2.0
// Network namespaces, known by their inode numbers, and who is in them.
#ifndef SOCKFLOW_NETNS_H
#define SOCKFLOW_NETNS_H

#include <stdint.h>

#include <functional>

// The namespace of a process; `pid` may be "self". 0: it has gone, or may not be looked at.
uint32_t netns_of(const char *pid);

// A descriptor of that namespace; negative likewise.
int open_netns(const char *pid);

// Calls back for each process until that returns false.
void each_process(const std::function<bool(const char *pid)> &look);

// Runs `work` inside the namespace, on another thread unless it is our own. `pid`: a process that was in it. False: nobody
// is left in it, or it may not be entered.
bool run_in(uint32_t netns, uint32_t pid, const std::function<void()> &work);

// Opens a socket inside the namespace; it stays there, and keeps the namespace alive. Negative as above.
int socket_in(uint32_t netns, uint32_t pid, int family, int type, int protocol);

// The same without a look at all processes of the host when neither the agent nor `pid` is in it.
int socket_near(uint32_t netns, uint32_t pid, int family, int type, int protocol);

#endif
