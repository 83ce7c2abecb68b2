// SPDX-License-Identifier: Apache-2.0
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace {

using Work = std::function<void()>;

std::string path_of(const char *pid) { return std::string("/proc/") + pid + "/ns/net"; }

bool is_in(uint32_t netns, const char *pid) { return netns_of(pid) == netns; }

// Leaves the thread in the namespace.
bool work_at(const char *pid, const Work &work) {
  int ns = open_netns(pid);
  if (ns < 0) return false;
  bool entered = setns(ns, CLONE_NEWNET) == 0;
  close(ns);
  if (entered) work();
  return entered;
}

// The process that was in it may have gone: any other one of its namespace will do.
bool work_anywhere(uint32_t netns, const Work &work) {
  bool done = false;
  each_process([&](const char *pid) {
    done = is_in(netns, pid) && work_at(pid, work);
    return !done;
  });
  return done;
}

bool work_in(uint32_t netns, uint32_t pid, bool look_everywhere, const Work &work) {
  // Our own needs no privilege.
  if (is_in(netns, "self")) {
    work();
    return true;
  }
  std::string process = std::to_string(pid);
  bool done = false;
  // A namespace belongs to a thread: use one and end it.
  std::thread([&] {
    if (is_in(netns, process.c_str()))
      done = work_at(process.c_str(), work);
    else if (look_everywhere)
      done = work_anywhere(netns, work);
  }).join();
  return done;
}

}  // namespace

uint32_t netns_of(const char *pid) {
  struct stat st;
  return stat(path_of(pid).c_str(), &st) == 0 ? static_cast<uint32_t>(st.st_ino) : 0;
}

int open_netns(const char *pid) { return open(path_of(pid).c_str(), O_RDONLY | O_CLOEXEC); }

void each_process(const std::function<bool(const char *pid)> &look) {
  DIR *all = opendir("/proc");
  if (!all) return;
  bool more = true;
  for (struct dirent *entry; more && (entry = readdir(all));)
    if (isdigit(entry->d_name[0])) more = look(entry->d_name);
  closedir(all);
}

bool run_in(uint32_t netns, uint32_t pid, const std::function<void()> &work) { return work_in(netns, pid, true, work); }

int socket_in(uint32_t netns, uint32_t pid, int family, int type, int protocol) {
  int fd = -1;
  work_in(netns, pid, true, [&] { fd = socket(family, type | SOCK_CLOEXEC, protocol); });
  return fd;
}

int socket_near(uint32_t netns, uint32_t pid, int family, int type, int protocol) {
  int fd = -1;
  work_in(netns, pid, false, [&] { fd = socket(family, type | SOCK_CLOEXEC, protocol); });
  return fd;
}
