// SPDX-License-Identifier: Apache-2.0
// names DOCKER-SOCKET CONTAINERD-STATE ID …: what the C library learns of containers, a line each.
#include <stdio.h>

#include "names.h"

int main(int count, char **arguments) {
  Names names(arguments[1], arguments[2]);
  for (int i = 3; i < count; i++) {
    ContainerNames found = names.Of({.container_id = arguments[i], .runtime = "", .pod_uid = ""});
    printf("%s|%s|%s\n", found.container.c_str(), found.pod.c_str(), found.pod_namespace.c_str());
  }
}
