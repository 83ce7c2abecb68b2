// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_DOCKER_H
#define SOCKFLOW_LIBRARY_DOCKER_H

#include <string>

#include "names.h"

// `told`: *names is filled. `unknown`: nobody is there, or it has no such container. `silent`: it did not answer in time.
enum class Asked { told, unknown, silent };

// Docker, and Podman by the same interface: one HTTP request over its unix socket. Takes half a second at most.
Asked ask_docker(const std::string &socket, const std::string &id, ContainerNames *names);

// What a whole answer says.
Asked read_answer(const std::string &answer, ContainerNames *names);

#endif
