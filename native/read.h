// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_READ_H
#define SOCKFLOW_READ_H

#include <stddef.h>

// For ring_buffer__new, whose context is the sf_agent: runs on the thread that calls sf_read.
int take_record(void *context, void *data, size_t size);

#endif
