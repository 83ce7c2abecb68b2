// SPDX-License-Identifier: Apache-2.0
// Giving up capabilities for good.
#ifndef SOCKFLOW_CAPABILITIES_H
#define SOCKFLOW_CAPABILITIES_H

// Of every thread of this process: no capability in any set, and none to be had by executing a program. Returns 0, or a
// negative errno when a thread may have kept some. To be called by one thread at a time.
int give_up_capabilities();

// Of the calling thread, before there are others: only what looking at other processes and namespaces takes. 0 or a negative
// errno.
int keep_capabilities_for_others();

#endif
