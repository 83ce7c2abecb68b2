// SPDX-License-Identifier: Apache-2.0
#include "route.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <thread>

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

// Opens a netlink socket in the network namespace of a process, if it is the one that is meant.
int open_in(uint32_t netns, uint32_t pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0) return -1;
  struct stat st;
  int fd = -1;
  if (fstat(ns, &st) == 0 && st.st_ino == netns && setns(ns, CLONE_NEWNET) == 0)
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  close(ns);
  return fd;
}

}  // namespace

Routes::~Routes() {
  for (auto &[netns, fd] : sockets_) close(fd);
}

int Routes::Socket(uint32_t netns, uint32_t pid) {
  auto known = sockets_.find(netns);
  if (known != sockets_.end()) return known->second;
  int fd = -1;
  // A namespace belongs to a thread: use one and end it.
  std::thread([&] { fd = open_in(netns, pid); }).join();
  if (fd < 0) return fd;
  struct timeval patience = {.tv_sec = 0, .tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (sockets_.size() >= kMostSockets) {
    close(sockets_.begin()->second);
    sockets_.erase(sockets_.begin());
  }
  return sockets_[netns] = fd;
}

int Routes::Error(uint32_t netns, uint32_t pid, int family, const uint8_t *address) {
  int fd = Socket(netns, pid);
  if (fd < 0) return 0;
  Request request = make_request(family, address);
  alignas(struct nlmsghdr) char answer[4096];
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return 0;
  ssize_t size = recv(fd, answer, sizeof(answer), 0);
  auto *header = reinterpret_cast<struct nlmsghdr *>(answer);
  if (size < 0 || !NLMSG_OK(header, static_cast<size_t>(size)) || header->nlmsg_type != NLMSG_ERROR) return 0;
  return -static_cast<struct nlmsgerr *>(NLMSG_DATA(header))->error;
}
