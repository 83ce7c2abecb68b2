// SPDX-License-Identifier: Apache-2.0
#include "interface.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netns.h"
#include "remote.h"

namespace {

// The loopback interface has this index in each namespace; user space knows its name.
constexpr uint32_t kLoopback = 1;
constexpr size_t kMost = 4096;
// Milliseconds: between two questions of the same, with an answer and without, and between two looks at all processes.
constexpr int64_t kAgain = 60000;
constexpr int64_t kRetry = 1000;
constexpr int64_t kLookEvery = 100;

int64_t milliseconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

std::string name_of(int fd, uint32_t index) {
  struct ifreq request = {};
  request.ifr_ifindex = static_cast<int>(index);
  return ioctl(fd, SIOCGIFNAME, &request) == 0 ? std::string(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ))
                                               : "";
}

}  // namespace

std::string Interfaces::News(uint32_t netns, uint32_t index, uint32_t pid) {
  if (index <= kLoopback) return "";
  int64_t now = milliseconds();
  auto known = asked_.find({netns, index});
  if (known != asked_.end() && now - known->second.time < (known->second.found ? kAgain : kRetry)) return "";
  std::string name = remote_ ? remote_->InterfaceName(netns, index, pid) : Name(netns, index, pid);
  if (asked_.size() >= kMost) asked_.clear();
  asked_[{netns, index}] = {now, !name.empty()};
  return name;
}

std::string Interfaces::Name(uint32_t netns, uint32_t index, uint32_t pid) {
  int64_t now = milliseconds();
  int fd = socket_near(netns, pid, AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 && now - looked_everywhere_ >= kLookEvery) {
    looked_everywhere_ = now;
    fd = socket_in(netns, pid, AF_INET, SOCK_DGRAM, 0);
  }
  if (fd < 0) return "";
  std::string name = name_of(fd, index);
  close(fd);
  return name;
}
