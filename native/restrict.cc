// SPDX-License-Identifier: Apache-2.0
// A list of what is forbidden, not of what is allowed: Node, V8 and glibc use other calls in each version, and an agent that
// dies of an upgrade of its libc protects nobody. What is on it is the way to other programs, other processes' memory,
// the kernel's configuration, and packets.
#include "restrict.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <initializer_list>
#include <memory>

namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

constexpr uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);

// What the agent asks of its programs and maps once they are attached.
bool is_reading(unsigned command) {
  switch (command) {
    case BPF_MAP_LOOKUP_ELEM:
    case BPF_MAP_GET_NEXT_KEY:
    case BPF_MAP_LOOKUP_BATCH:
    case BPF_OBJ_GET_INFO_BY_FD:
    case BPF_PROG_TEST_RUN:  // of its own programs: it has no others
    case BPF_ITER_CREATE:
      return true;
  }
  return false;
}

constexpr int kForAll[] = {
    SCMP_SYS(execve), SCMP_SYS(execveat),
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
    // what is mounted where
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr),
    // the kernel itself
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(syslog),
    SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(open_by_handle_at), SCMP_SYS(acct), SCMP_SYS(quotactl),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
    // clocks
    SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime),
    // keys
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
    // what would go round this filter: libuv has a ring of its own by then, which can do nothing of what stands here
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_register), SCMP_SYS(unshare)};

constexpr unsigned kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

int refuse(void *filter, int call) { return seccomp_rule_add(filter, kRefuse, call, 0); }

int refuse_calls(void *filter) {
  for (int call : kForAll)
    // One that this architecture has not got cannot be called.
    if (int code = refuse(filter, call); code && code != -EDOM) return code;
  return 0;
}

// New namespaces would bring capabilities back. clone3 has its flags in memory, where no filter sees them: without it glibc
// takes clone.
int refuse_namespaces(void *filter) {
  for (unsigned bit = 1; bit && bit <= kNamespaces; bit <<= 1)
    if (kNamespaces & bit)
      if (int code = seccomp_rule_add(filter, kRefuse, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)))
        return code;
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int refuse_packets(void *filter) {
  int code = seccomp_rule_add(filter, kRefuse, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_PACKET));
  constexpr unsigned type = 0xf;
  for (int family : {AF_INET, AF_INET6})
    if (!code)
      code = seccomp_rule_add(filter, kRefuse, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, static_cast<uint64_t>(family)),
                              SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_RAW));
  return code;
}

int refuse_bpf(void *filter) {
  constexpr unsigned last = 63;
  for (unsigned command = 0; command <= last; command++)
    if (!is_reading(command))
      if (int code = seccomp_rule_add(filter, kRefuse, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, command))) return code;
  return seccomp_rule_add(filter, kRefuse, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_GT, last));
}

}  // namespace

int forbid(Forbidden what) {
  Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return -ENOMEM;
  int code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (!code) code = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, kRefuse);
  if (!code) code = refuse_calls(filter.get());
  if (!code) code = refuse_packets(filter.get());
  if (!code) code = refuse_namespaces(filter.get());
  if (!code && what == Forbidden::all) code = refuse(filter.get(), SCMP_SYS(setns));
  if (!code) code = what == Forbidden::all ? refuse_bpf(filter.get()) : refuse(filter.get(), SCMP_SYS(bpf));
  return code ? code : seccomp_load(filter.get());
}
