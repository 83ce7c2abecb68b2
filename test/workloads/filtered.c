// Runs a command with a list of system calls that it may make; all others fail with EPERM, as under SystemCallFilter= of a unit.
//
//   filtered NAME… -- COMMAND…
//
// Names that this architecture does not have are passed over.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--"); at++) {
    int call = seccomp_syscall_resolve_name(argv[at]);
    if (call != __NR_SCMP_ERROR) seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
  }
  if (at + 1 >= argc) return fprintf(stderr, "usage: filtered NAME... -- COMMAND...\n"), 2;
  int code = seccomp_load(filter);
  if (code) return fprintf(stderr, "seccomp_load: %s\n", strerror(-code)), 1;
  execvp(argv[at + 1], argv + at + 1);
  perror(argv[at + 1]);
  return 1;
}
