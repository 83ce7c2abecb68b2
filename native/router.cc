// SPDX-License-Identifier: Apache-2.0
#include "router.h"

#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <unordered_set>

#include "netns.h"

namespace {

constexpr uint32_t kLoopback = 1;
constexpr size_t kMost = 4096;
// Milliseconds between two questions of the same, with an answer and without: a look at all processes may be in it.
constexpr int64_t kAgain = 60000;
constexpr int64_t kRetry = 5000;
// Looks at all processes of the host, some milliseconds each.
constexpr uint32_t kMostLooksInASecond = 20;
// A namespace's number for another one; there is none.
constexpr int32_t kNoNumber = -1;

int64_t milliseconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

struct LinkRequest {
  struct nlmsghdr header;
  struct ifinfomsg message;
};

struct NumberRequest {
  struct nlmsghdr header;
  struct rtgenmsg message;
  alignas(4) struct rtattr attribute;
  uint32_t descriptor;
};

// The attribute of the answer, which is a number; kNoNumber without one. `body`: size of what is in front of attributes.
int32_t ask(int fd, const struct nlmsghdr *request, uint16_t wanted_type, size_t body, uint16_t wanted) {
  alignas(struct nlmsghdr) char answer[16384];
  if (send(fd, request, request->nlmsg_len, 0) < 0) return kNoNumber;
  ssize_t size = recv(fd, answer, sizeof(answer), 0);
  auto *header = reinterpret_cast<struct nlmsghdr *>(answer);
  if (size < 0 || !NLMSG_OK(header, static_cast<size_t>(size)) || header->nlmsg_type != wanted_type) return kNoNumber;
  auto *attribute = reinterpret_cast<struct rtattr *>(static_cast<char *>(NLMSG_DATA(header)) + NLMSG_ALIGN(body));
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(body)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != wanted || RTA_PAYLOAD(attribute) < sizeof(int32_t)) continue;
    int32_t number;
    memcpy(&number, RTA_DATA(attribute), sizeof(number));
    return number;
  }
  return kNoNumber;
}

// What the namespace of the socket calls the one at the other end of its interface.
int32_t number_behind(int fd, uint32_t interface) {
  LinkRequest request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.message.ifi_index = static_cast<int>(interface);
  return ask(fd, &request.header, RTM_NEWLINK, sizeof(request.message), IFLA_LINK_NETNSID);
}

// What it calls that of a process.
int32_t number_of(int fd, const char *pid) {
  int ns = open_netns(pid);
  if (ns < 0) return kNoNumber;
  NumberRequest request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETNSID;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.attribute.rta_type = NETNSA_FD;
  request.attribute.rta_len = RTA_LENGTH(sizeof(request.descriptor));
  request.descriptor = static_cast<uint32_t>(ns);
  int32_t number = ask(fd, &request.header, RTM_NEWNSID, sizeof(request.message), NETNSA_NSID);
  close(ns);
  return number;
}

Router search(int fd, int32_t number) {
  Router found = {};
  std::unordered_set<uint32_t> seen;
  each_process([&](const char *pid) {
    uint32_t netns = netns_of(pid);
    if (!netns || !seen.insert(netns).second || number_of(fd, pid) != number) return true;
    found = {netns, static_cast<uint32_t>(strtoul(pid, nullptr, 10))};
    return false;
  });
  return found;
}

}  // namespace

Routers::Routers() : own_{netns_of("self"), 0} {}

bool Routers::MayLook(int64_t now) {
  if (now / 1000 != second_) looks_ = 0;
  second_ = now / 1000;
  return looks_++ < kMostLooksInASecond;
}

Routers::Answer Routers::Look(uint32_t netns, uint32_t interface, uint32_t pid, int64_t now) {
  int fd = socket_near(netns, pid, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0 && MayLook(now)) fd = socket_in(netns, pid, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return {now + kRetry, own_};
  struct timeval patience = {.tv_sec = 0, .tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  int32_t number = number_behind(fd, interface);
  Answer answer = {now + kAgain, {}};  // no cable
  if (number != kNoNumber) {
    answer.router = own_;
    if (number_of(fd, "self") != number) answer.router = MayLook(now) ? search(fd, number) : Router{};
    if (!answer.router.netns) answer = {now + kRetry, own_};
  }
  close(fd);
  return answer;
}

Router Routers::Of(uint32_t netns, uint32_t interface, uint32_t pid) {
  if (interface == 0) return own_;
  if (interface == kLoopback) return {};
  int64_t now = milliseconds();
  auto known = known_.find({netns, interface});
  if (known != known_.end() && now < known->second.until) return known->second.router;
  Answer answer = Look(netns, interface, pid, now);
  if (known_.size() >= kMost) known_.clear();
  known_[{netns, interface}] = answer;
  return answer.router;
}
