// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_NATIVE_KERNEL_H
#define SOCKFLOW_NATIVE_KERNEL_H

// What the running kernel has, by its type information.

// Since 6.10 the tracepoint tells why a reset is sent.
bool reset_has_reason();

// Since 6.11 the tracepoint names the receiving socket.
bool drop_has_receiver();

// Since 6.3.
bool has_use_calls();

// Since 6.16: the same for TCP alone, so that UDP does not pay for it.
bool has_tcp_sends();

bool has_function(const char *name);

// What was read to answer these.
void forget_kernel_types();

#endif
