// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_OUTCOME_H
#define SOCKFLOW_LIBRARY_OUTCOME_H

#include <linux/types.h>

#include "../../bpf/wire.h"

// nullptr: there is none.
struct Outcome {
  const char *reason = nullptr;
  const char *error = nullptr;
};

// How it ended, by the rules of src/correlate/outcome.ts; a test asks both. `failed`: it was never established.
Outcome outcome_of(const struct sf_connection &connection);
Outcome outcome_of(const struct sf_flow &flow);
bool has_failed(const struct sf_connection &connection, const Outcome &outcome);

#endif
