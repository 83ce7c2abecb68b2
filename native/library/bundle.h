// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_BUNDLE_H
#define SOCKFLOW_LIBRARY_BUNDLE_H

#include <string>

#include "names.h"

// What containerd wrote for its runtime when it made the container for Kubernetes: the annotations of its config.json
// (OCI runtime specification). `state`: containerd's state directory. True: the container is there and has names.
bool names_in_bundle(const std::string &state, const std::string &id, ContainerNames *names);

#endif
