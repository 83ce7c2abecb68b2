// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_NETNS_H
#define SOCKFLOW_NETNS_H

#include <stdint.h>

// Opens a socket inside the network namespace whose inode number is `netns`; it stays there, and keeps the namespace
// alive. `pid`: a process that was in it. Negative: nobody is left in it, or it may not be entered.
int socket_in(uint32_t netns, uint32_t pid, int family, int type, int protocol);

// The same without a look at all processes of the host when neither the agent nor `pid` is in it.
int socket_near(uint32_t netns, uint32_t pid, int family, int type, int protocol);

#endif
