// Starts many processes, each of which makes one connection and is gone a moment later.
//
//   short-lived --helper FILE --port N [--processes N] [--parallel N]
//
// The processes take turns being user 1 and user 65534. Prints {"pid":P,"processes":[[pid,uid,bytes],…]}.
#include "workload.h"
#include <spawn.h>

#define MAX_PROCESSES 5000

static pid_t pids[MAX_PROCESSES];

static void await_one(void) {
  int status;
  if (wait(&status) < 0) die("wait");
  if (status) {
    fprintf(stderr, "a helper failed: status %d\n", status);
    exit(1);
  }
}

static long user_of(long i) { return i % 2 ? 65534 : 1; }

/** A multiple of three: the server answers nothing to these, so leaving at once resets nothing. */
static long bytes_of(long i) { return 3 * (i % 7); }

static pid_t start(const char *helper, const char *port, long i) {
  char uid[16], bytes[16];
  sprintf(uid, "%ld", user_of(i));
  sprintf(bytes, "%ld", bytes_of(i));
  char *arguments[] = {(char *)helper, (char *)port, uid, bytes, NULL}, *environment[] = {NULL};
  pid_t pid;
  errno = posix_spawn(&pid, helper, NULL, NULL, arguments, environment);
  if (errno) die(helper);
  return pid;
}

int main(int argc, char **argv) {
  bound_life();
  const char *helper = option(argc, argv, "--helper", "short-lived-helper"), *port = option(argc, argv, "--port", "0");
  long count = number(option(argc, argv, "--processes", "2000")),
       parallel = number(option(argc, argv, "--parallel", "4"));
  if (count > MAX_PROCESSES) count = MAX_PROCESSES;
  for (long i = 0; i < count; i++) {
    if (i >= parallel) await_one();
    pids[i] = start(helper, port, i);
  }
  for (long i = count < parallel ? count : parallel; i > 0; i--) await_one();
  printf("{\"pid\":%d,\"processes\":[", getpid());
  for (long i = 0; i < count; i++) printf("%s[%d,%ld,%ld]", i ? "," : "", pids[i], user_of(i), bytes_of(i));
  printf("]}\n");
  return 0;
}
