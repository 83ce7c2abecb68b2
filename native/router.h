// SPDX-License-Identifier: Apache-2.0
// Who routes what a container sends: the network namespace at the other end of its virtual cable (veth and the like), where
// its packets come out first. That is the host's, or that of a container which has containers of its own.
#ifndef SOCKFLOW_ROUTER_H
#define SOCKFLOW_ROUTER_H

#include <stdint.h>

#include <map>
#include <utility>

struct Router {
  uint32_t netns;  // inode number; 0: there is none, or it is not known
  uint32_t pid;    // a process that was in it; 0: the agent itself
};

class Routers {
 public:
  Routers();

  // `interface`: index of the interface in `netns`, 0: not known; `pid`: a process that was in it. Where the other end of a cable is not
  // found: the agent's own, which is most likely it, since the agent is there to see the host.
  Router Of(uint32_t netns, uint32_t interface, uint32_t pid);

 private:
  struct Answer {
    int64_t until;  // milliseconds
    Router router;
  };

  Answer Look(uint32_t netns, uint32_t interface, uint32_t pid, int64_t now);
  bool MayLook(int64_t now);

  Router own_;
  std::map<std::pair<uint32_t, uint32_t>, Answer> known_;
  int64_t second_ = 0;
  uint32_t looks_ = 0;
};

#endif
