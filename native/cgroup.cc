// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

}  // namespace

int open_cgroup_root(bool *whole_host) {
  int fd = mount_detached();
  *whole_host = fd >= 0 && is_host_root(fd);
  if (*whole_host) return fd;
  int host = -ENOENT;
  std::thread([&] { host = mount_in_host_namespace(); }).join();  // a namespace belongs to a thread: use one and end it
  if (host < 0) return fd;
  if (fd >= 0) close(fd);
  *whole_host = true;
  return host;
}
