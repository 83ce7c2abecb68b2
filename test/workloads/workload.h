// What the workloads share. They are the tests' second witness beside the kernel's counters: each says what it did itself,
// as JSON lines, from the return values of its own system calls.
#ifndef WORKLOAD_H
#define WORKLOAD_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/** No workload outlives this, whatever happens to the test that started it. */
#define MAX_SECONDS 60

__attribute__((noreturn)) static inline void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/** A child dies with its parent, so that a killed test leaves nothing behind. */
static inline void bound_life(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(MAX_SECONDS);
}

static inline long number(const char *text) {
  char *end;
  long n = strtol(text, &end, 10);
  if (*text == 0 || *end) {
    fprintf(stderr, "not a number: %s\n", text);
    exit(2);
  }
  return n;
}

/** Value of option `name` of a command line `--name value …`, or `otherwise`. */
static inline const char *option(int argc, char **argv, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < argc; i++)
    if (!strcmp(argv[i], name)) return argv[i + 1];
  return otherwise;
}

/** Gives root up for good. Must come before the first socket: that is when an owner is looked at. */
static inline void become(long uid, long gid) {
  if (setgroups(0, NULL) || setgid((gid_t)gid) || setuid((uid_t)uid)) die("setuid");
  bound_life();  // a change of user forgets the parent-death signal
}

struct address {
  struct sockaddr_storage storage;
  socklen_t length;
};

/** Loopback as `4`, `6`, `mapped` (to dial: an IPv6 socket that speaks IPv4) or `dual` (to listen on both). */
static inline struct address loopback(const char *family, int port) {
  struct address a = {0};
  if (!strcmp(family, "4")) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.storage;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.length = sizeof *v4;
    return a;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.storage;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((uint16_t)port);
  v6->sin6_addr = in6addr_loopback;
  a.length = sizeof *v6;
  if (!strcmp(family, "mapped")) inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6->sin6_addr);
  if (!strcmp(family, "dual")) v6->sin6_addr = in6addr_any;
  return a;
}

static inline int port_of(const struct sockaddr_storage *a) {
  return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                        : ((const struct sockaddr_in *)a)->sin_port);
}

static inline int local_port(int fd) {
  struct sockaddr_storage a;
  socklen_t length = sizeof a;
  return getsockname(fd, (struct sockaddr *)&a, &length) ? 0 : port_of(&a);
}

static inline int peer_port(int fd) {
  struct sockaddr_storage a;
  socklen_t length = sizeof a;
  return getpeername(fd, (struct sockaddr *)&a, &length) ? 0 : port_of(&a);
}

static inline int listen_on(struct address at, int backlog) {
  int fd = socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&at.storage, at.length) || listen(fd, backlog)) die("listen");
  return fd;
}

/** Bytes really sent; short only when the peer has gone. */
static inline long send_bytes(int fd, long count) {
  static const char block[1 << 16];
  long done = 0;
  while (done < count) {
    long left = count - done;
    ssize_t n = send(fd, block, left < (long)sizeof block ? (size_t)left : sizeof block, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += n;
  }
  return done;
}

/** Bytes read until the peer's FIN. */
static inline long receive_all(int fd) {
  char block[1 << 16];
  long done = 0;
  for (;;) {
    ssize_t n = recv(fd, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return done;
    done += n;
  }
}

/** One line in one write, so that lines of several processes never mix (shorter than PIPE_BUF). */
__attribute__((format(printf, 2, 3))) static inline void report(int fd, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (n < 0 || n >= (int)sizeof line || write(fd, line, (size_t)n) != n) die("report");
}
#endif
