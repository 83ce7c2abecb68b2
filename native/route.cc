// SPDX-License-Identifier: Apache-2.0
#include "route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <iterator>

#include "netns.h"

namespace {

constexpr size_t kMostSockets = 64;

struct Request {
  struct nlmsghdr header;
  struct rtmsg message;
  struct rtattr attribute;
  uint8_t address[16];
};

Request make_request(int family, const uint8_t *address) {
  Request request = {};
  size_t size = family == 4 ? 4 : 16;
  request.header.nlmsg_len = offsetof(Request, address) + size;
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.message.rtm_family = family == 4 ? AF_INET : AF_INET6;
  request.message.rtm_dst_len = size * 8;
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = RTA_LENGTH(size);
  memcpy(request.address, address, size);
  return request;
}

// tcp_v4_connect and tcp_v6_connect refuse these although there is a route.
int error_of_route(const struct nlmsghdr *header) {
  uint8_t type = static_cast<const struct rtmsg *>(NLMSG_DATA(header))->rtm_type;
  return type == RTN_BROADCAST || type == RTN_MULTICAST ? ENETUNREACH : 0;
}

time_t seconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec;
}

}  // namespace

Routes::~Routes() {
  for (auto &[netns, socket] : sockets_) close(socket.fd);
}

// A socket keeps its namespace alive, and the devices in it: none is kept for long.
void Routes::Expire() {
  time_t now = seconds();
  if (now == expired_) return;
  expired_ = now;
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    bool old = now - it->second.opened > 1;
    if (old) close(it->second.fd);
    it = old ? sockets_.erase(it) : std::next(it);
  }
}

int Routes::Socket(uint32_t netns, uint32_t pid) {
  auto known = sockets_.find(netns);
  if (known != sockets_.end()) return known->second.fd;
  int fd = socket_in(netns, pid, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct timeval patience = {.tv_sec = 0, .tv_usec = 100000};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (sockets_.size() >= kMostSockets) {
    close(sockets_.begin()->second.fd);
    sockets_.erase(sockets_.begin());
  }
  sockets_[netns] = {fd, seconds()};
  return fd;
}

int Routes::Error(uint32_t netns, uint32_t pid, int family, const uint8_t *address) {
  int fd = Socket(netns, pid);
  if (fd < 0) return 0;
  Request request = make_request(family, address);
  alignas(struct nlmsghdr) char answer[4096];
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return 0;
  ssize_t size = recv(fd, answer, sizeof(answer), 0);
  auto *header = reinterpret_cast<struct nlmsghdr *>(answer);
  if (size < 0 || !NLMSG_OK(header, static_cast<size_t>(size))) return 0;
  if (header->nlmsg_type == RTM_NEWROUTE) return error_of_route(header);
  if (header->nlmsg_type != NLMSG_ERROR) return 0;
  return -static_cast<struct nlmsgerr *>(NLMSG_DATA(header))->error;
}
