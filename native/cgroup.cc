// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace {

// The root of the host's cgroup tree has inode 1; in a private cgroup namespace one sees another.
bool is_host_root(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && st.st_ino == 1;
}

// A detached, read-only mount: it appears in no mount table, and nothing is assumed about /sys/fs/cgroup.
int mount_detached() {
  int fs = syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
  if (fs < 0) return -errno;
  int fd = -1;
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
    fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  int error = errno;
  close(fs);
  return fd >= 0 ? fd : -error;
}

// In the cgroup namespace of some host process, if one lets us in. Not only pid 1: entering needs its capabilities.
int mount_in_host_namespace() {
  DIR *proc = opendir("/proc");
  if (!proc) return -errno;
  int found = -ENOENT;
  while (dirent *entry = readdir(proc)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    char path[300];
    snprintf(path, sizeof(path), "/proc/%s/ns/cgroup", entry->d_name);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0) continue;
    int entered = setns(ns, CLONE_NEWCGROUP);
    close(ns);
    if (entered) continue;
    int fd = mount_detached();
    if (fd >= 0 && is_host_root(fd)) {
      found = fd;
      break;
    }
    if (fd >= 0) close(fd);
  }
  closedir(proc);
  return found;
}

// Blanks and backslashes stand as octal numbers in mountinfo.
std::string unescape(const std::string &text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); i++) {
    bool escaped = text[i] == '\\' && i + 3 < text.size();
    plain += escaped ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    if (escaped) i += 3;
  }
  return plain;
}

// A path may lead into something that was mounted over it.
int open_cgroup2(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  struct statfs fs;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return fd;
  close(fd);
  return -ENOENT;
}

// What is mounted already, wherever: /sys/fs/cgroup, its `unified` on a hybrid host, the host's below another root. The
// host's whole tree if one of them is that, else the root of the own cgroup namespace.
int open_mounted() {
  std::ifstream mounts("/proc/self/mountinfo");
  int own = -ENOENT;
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::string id, parent, device, root, place;
    std::istringstream(line) >> id >> parent >> device >> root >> place;
    int fd = open_cgroup2(unescape(place));
    if (fd < 0) continue;
    bool whole = is_host_root(fd);
    if (whole || (root == "/" && own < 0)) {
      if (own >= 0) close(own);
      own = fd;
    } else {
      close(fd);
    }
    if (whole) break;
  }
  return own;
}

// A namespace belongs to a thread: use one and end it.
int mount_from_aside() {
  int fd = -ENOENT;
  std::thread([&] { fd = mount_in_host_namespace(); }).join();
  return fd;
}

}  // namespace

// Mounting and entering need CAP_SYS_ADMIN; what somebody else has mounted is there for all.
int open_cgroup_root(bool *whole_host) {
  int own = -ENOENT;
  for (auto *open_root : {mount_detached, open_mounted, mount_from_aside}) {
    int fd = open_root();
    *whole_host = fd >= 0 && is_host_root(fd);
    if (*whole_host || own < 0) {
      if (*whole_host && own >= 0) close(own);
      own = fd;
    } else if (fd >= 0) {
      close(fd);
    }
    if (*whole_host) break;
  }
  return own;
}
