// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr off_t kLargest = 1 << 20;

const char *name_of(Link link) {
  switch (link) {
    case Link::network_namespace:
      return "ns/net";
    case Link::mount_namespace:
      return "ns/mnt";
    case Link::root:
      return "root";
    case Link::executable:
      return "exe";
  }
  return nullptr;
}

std::string directory_of(const std::string &proc, uint32_t pid) { return proc + "/" + std::to_string(pid) + "/"; }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

bool is_plain(const struct stat &st) { return S_ISREG(st.st_mode) && st.st_size <= kLargest; }

// Neither /etc nor the file may be a link, which would lead out of what the process sees; and nothing that could block.
int open_in_etc(const std::string &directory, const char *name) {
  Descriptor etc(open((directory + "root/etc").c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (etc.get() < 0) return -errno;
  struct stat st;
  if (fstatat(etc.get(), name, &st, AT_SYMLINK_NOFOLLOW)) return -errno;
  if (!is_plain(st)) return -EINVAL;
  int fd = openat(etc.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (fstat(fd, &st) == 0 && is_plain(st)) return fd;
  close(fd);
  return -EINVAL;
}

}  // namespace

int read_link(const std::string &proc, uint32_t pid, Link link, std::string *target) {
  const char *name = name_of(link);
  if (!name) return EINVAL;
  target->resize(4096);
  ssize_t size = readlink((directory_of(proc, pid) + name).c_str(), target->data(), target->size());
  int error = size < 0 ? errno : 0;
  target->resize(size < 0 ? 0 : static_cast<size_t>(size));
  return error;
}

int open_file(const std::string &proc, uint32_t pid, File file) {
  std::string directory = directory_of(proc, pid);
  if (file == File::hosts) return open_in_etc(directory, "hosts");
  if (file == File::hostname) return open_in_etc(directory, "hostname");
  if (file != File::mountinfo) return -EINVAL;
  int fd = open((directory + "mountinfo").c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int list_sockets(const std::string &proc, uint32_t pid, std::vector<uint64_t> *inodes) {
  DIR *all = opendir((directory_of(proc, pid) + "fd").c_str());
  if (!all) return errno;
  constexpr size_t most = (kLongestAnswer - sizeof(Reply)) / sizeof(uint64_t);
  for (struct dirent *entry; inodes->size() < most && (entry = readdir(all));) {
    char target[64];
    ssize_t size = readlinkat(dirfd(all), entry->d_name, target, sizeof(target) - 1);
    if (size <= 0) continue;
    target[size] = '\0';
    unsigned long long inode;
    if (sscanf(target, "socket:[%llu]", &inode) == 1) inodes->push_back(inode);
  }
  closedir(all);
  return 0;
}
