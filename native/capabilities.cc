// SPDX-License-Identifier: Apache-2.0
// Capabilities belong to threads, and only glibc's own functions for user ids reach all of them: by a signal that no thread
// of a program can block, since glibc takes it out of each mask. The same signal, for a moment, carries what is done here:
// threads of V8, libuv and ZeroMQ block all others.
#include "capabilities.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <unordered_set>
#include <vector>

namespace {

// Of the kernel, not of glibc's header.
struct kernel_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

constexpr int kSignal = 33;  // glibc's SIGSETXID
constexpr int kLastCapability = 63;

std::atomic<size_t> answers{0};  // of threads other than the one that asks

int set_capabilities(uint64_t kept) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  data[0].effective = data[0].permitted = static_cast<uint32_t>(kept);
  data[1].effective = data[1].permitted = static_cast<uint32_t>(kept >> 32);
  return static_cast<int>(syscall(SYS_capset, &header, data));
}

uint64_t permitted() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data)) return 0;
  return static_cast<uint64_t>(data[1].permitted) << 32 | data[0].permitted;
}

// Only system calls: it runs wherever the signal comes. The bounding set is emptied where CAP_SETPCAP allows it.
void drop_here() {
  int before = errno;
  for (int capability = 0; capability <= kLastCapability; capability++)
    syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
  syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  set_capabilities(0);
  errno = before;
}

void drop(int) {
  drop_here();
  answers++;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> ids;
  DIR *all = opendir("/proc/self/task");
  if (!all) return ids;
  for (struct dirent *entry; (entry = readdir(all));)
    if (int id = atoi(entry->d_name)) ids.push_back(id);
  closedir(all);
  return ids;
}

bool has_none(pid_t thread) {
  FILE *file = fopen(("/proc/self/task/" + std::to_string(thread) + "/status").c_str(), "re");
  if (!file) return true;  // it has ended
  char line[256];
  unsigned long long kept = 0;
  while (fgets(line, sizeof(line), file)) {
    unsigned long long set;
    if (!strncmp(line, "CapBnd", 6)) continue;
    if (sscanf(line, "Cap%*3s: %llx", &set) == 1) kept |= set;
  }
  fclose(file);
  return kept == 0;
}

void sleep_a_moment() {
  struct timespec moment = {0, 1000000};
  nanosleep(&moment, nullptr);
}

constexpr int kPatienceMs = 10000;

// Each thread is asked once: what is queued twice would come when glibc's handler is back, which would take it for its own.
// Threads that are made meanwhile have what their maker has, so it is looked until nobody has any.
bool reach_all(std::unordered_set<pid_t> *asked) {
  pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  for (int waited = 0; waited < kPatienceMs; waited++) {
    bool all = true;
    for (pid_t thread : threads()) {
      if (has_none(thread)) continue;
      all = false;
      if (thread == self)
        drop_here();
      else if (!asked->contains(thread) && syscall(SYS_tgkill, getpid(), thread, kSignal) == 0)
        asked->insert(thread);
    }
    if (all) return true;
    sleep_a_moment();
  }
  return false;
}

// Has everybody answered who was asked? Not when a thread ended before it could.
bool have_answered(size_t asked) {
  for (int waited = 0; waited < 1000; waited++) {
    if (answers >= asked) return true;
    sleep_a_moment();
  }
  return false;
}

}  // namespace

int give_up_capabilities() {
  // Changes nothing, but makes glibc install its handler, whose way back is needed here.
  if (setresgid(-1, -1, -1)) return -errno;
  struct kernel_action before = {};
  if (syscall(SYS_rt_sigaction, kSignal, nullptr, &before, sizeof(before.mask))) return -errno;
  struct kernel_action ours = before;
  ours.handler = drop;
  ours.flags |= SA_RESTART;
  if (syscall(SYS_rt_sigaction, kSignal, &ours, nullptr, sizeof(ours.mask))) return -errno;
  answers = 0;
  std::unordered_set<pid_t> asked;
  bool all = reach_all(&asked);
  // A signal that is still to come must not meet glibc's handler, which would act on a command of long ago.
  if (have_answered(asked.size())) syscall(SYS_rt_sigaction, kSignal, &before, nullptr, sizeof(before.mask));
  return all ? 0 : -EAGAIN;
}

int keep_capabilities_for_others() {
  constexpr uint64_t wanted =
      1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_PTRACE | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_DAC_READ_SEARCH;
  uint64_t kept = permitted() & wanted;
  for (int capability = 0; capability <= kLastCapability; capability++)
    if (!(wanted >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return set_capabilities(kept) ? -errno : 0;
}
