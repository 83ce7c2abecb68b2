// SPDX-License-Identifier: Apache-2.0
#include "route.h"

#include <ctype.h>
#include <dirent.h>
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
#include <time.h>
#include <unistd.h>

#include <iterator>
#include <string>
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

bool is_in(uint32_t netns, const char *pid) {
  char path[64];
  struct stat st;
  snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
  return stat(path, &st) == 0 && st.st_ino == netns;
}

// Opens a netlink socket in the network namespace of a process.
int open_at(const char *pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0) return -1;
  int fd = setns(ns, CLONE_NEWNET) == 0 ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) : -1;
  close(ns);
  return fd;
}

// The process that failed may have gone: any other one of its namespace will do, first of all ourselves.
int open_in(uint32_t netns, uint32_t pid) {
  std::string process = std::to_string(pid);
  for (const char *candidate : {"self", process.c_str()})
    if (is_in(netns, candidate)) return open_at(candidate);
  DIR *all = opendir("/proc");
  if (!all) return -1;
  int fd = -1;
  for (struct dirent *entry; fd < 0 && (entry = readdir(all));)
    if (isdigit(entry->d_name[0]) && is_in(netns, entry->d_name)) fd = open_at(entry->d_name);
  closedir(all);
  return fd;
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
  int fd = -1;
  // A namespace belongs to a thread: use one and end it.
  std::thread([&] { fd = open_in(netns, pid); }).join();
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
