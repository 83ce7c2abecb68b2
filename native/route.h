// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_ROUTE_H
#define SOCKFLOW_ROUTE_H

#include <stdint.h>
#include <time.h>

#include <map>

// Asks the routing tables of network namespaces why an address cannot be reached. One thread at a time.
class Routes {
 public:
  ~Routes();
  // The errno of a route look-up, 0 when there is a route or nobody can be asked. `pid`: a process that was in the
  // namespace whose inode number is `netns`. `family`: 4 or 6; `address`: network order.
  int Error(uint32_t netns, uint32_t pid, int family, const uint8_t *address);
  // To be called now and then.
  void Expire();

 private:
  struct Opened {
    int fd;  // negative: nobody is left in the namespace
    time_t opened;
  };
  int Socket(uint32_t netns, uint32_t pid);
  std::map<uint32_t, Opened> sockets_;  // a netlink socket stays in the namespace in which it was opened
  time_t expired_ = 0;
};

#endif
