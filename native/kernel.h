// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_NATIVE_KERNEL_H
#define SOCKFLOW_NATIVE_KERNEL_H

// What the running kernel has, by its type information.

// How many arguments a tracepoint of this kernel has, the context included; 0 when there is none of the name.
int tracepoint_arguments(const char *name);

bool has_function(const char *name);

// What was read to answer these.
void forget_kernel_types();

#endif
