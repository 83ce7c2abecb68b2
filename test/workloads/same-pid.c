// Runs programs one after the other, all under one pid, each of which makes one connection.
//
//   same-pid --port N --count N PROGRAM…
//
// The i-th is the program i modulo their number, and sends 3 * i bytes. Prints {"pid":P}.
#include "workload.h"
#include <linux/sched.h>
#include <sys/syscall.h>

/** A child; pid: the one that it gets, 0 for any. */
static pid_t child(pid_t pid) {
  struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = pid ? (__u64)&pid : 0, .set_tid_size = pid != 0};
  return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

int main(int argc, char **argv) {
  bound_life();
  const char *port = option(argc, argv, "--port", "0");
  long count = number(option(argc, argv, "--count", "100"));
  char **programs = argv + 5;
  long kinds = argc - 5;
  if (kinds < 1) die("no program");
  pid_t pid = 0;
  for (long i = 0; i < count; i++) {
    pid_t started = child(pid);
    if (started < 0) die("clone3");
    if (!started) {
      char bytes[24];
      sprintf(bytes, "%ld", 3 * i);
      execl(programs[i % kinds], programs[i % kinds], port, "65534", bytes, NULL);
      die(programs[i % kinds]);
    }
    pid = started;
    int status;
    if (waitpid(pid, &status, 0) < 0 || status) die("a program failed");
  }
  printf("{\"pid\":%d}\n", pid);
  return 0;
}
