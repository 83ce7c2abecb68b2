// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_FLOWS_H
#define SOCKFLOW_FLOWS_H

struct sf_agent;

// Update records of the UDP conversations that moved, once a round. 1: read the ring, then call again; 0, or a negative errno.
int report_flows(struct sf_agent *agent);

#endif
