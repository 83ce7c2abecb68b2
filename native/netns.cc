// SPDX-License-Identifier: Apache-2.0
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace {

struct Wanted {
  uint32_t netns;
  int family;
  int type;
  int protocol;
};

std::string path_of(const char *pid) { return std::string("/proc/") + pid + "/ns/net"; }

bool is_in(uint32_t netns, const char *pid) {
  struct stat st;
  return stat(path_of(pid).c_str(), &st) == 0 && st.st_ino == netns;
}

// Leaves the thread in the namespace.
int open_at(const char *pid, const Wanted &wanted) {
  int ns = open(path_of(pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0) return -1;
  int fd = setns(ns, CLONE_NEWNET) == 0 ? socket(wanted.family, wanted.type | SOCK_CLOEXEC, wanted.protocol) : -1;
  close(ns);
  return fd;
}

// The process that was in it may have gone: any other one of its namespace will do.
int open_anywhere(const Wanted &wanted) {
  DIR *all = opendir("/proc");
  if (!all) return -1;
  int fd = -1;
  for (struct dirent *entry; fd < 0 && (entry = readdir(all));)
    if (isdigit(entry->d_name[0]) && is_in(wanted.netns, entry->d_name)) fd = open_at(entry->d_name, wanted);
  closedir(all);
  return fd;
}

int open_in(const Wanted &wanted, uint32_t pid, bool look_everywhere) {
  std::string process = std::to_string(pid);
  // A namespace belongs to a thread: use one and end it.
  int fd = -1;
  std::thread([&] {
    if (is_in(wanted.netns, process.c_str()))
      fd = open_at(process.c_str(), wanted);
    else if (look_everywhere)
      fd = open_anywhere(wanted);
  }).join();
  return fd;
}

int open_socket(const Wanted &wanted, uint32_t pid, bool look_everywhere) {
  // Our own needs no privilege.
  if (is_in(wanted.netns, "self")) return socket(wanted.family, wanted.type | SOCK_CLOEXEC, wanted.protocol);
  return open_in(wanted, pid, look_everywhere);
}

}  // namespace

int socket_in(uint32_t netns, uint32_t pid, int family, int type, int protocol) {
  return open_socket({netns, family, type, protocol}, pid, true);
}

int socket_near(uint32_t netns, uint32_t pid, int family, int type, int protocol) {
  return open_socket({netns, family, type, protocol}, pid, false);
}
