// Connects that never become connections.
//
//   attempts KIND [--family 4|6|mapped] [--count N] [--uid N --gid N]
//
//   refused           blocking connects to a port where nobody listens
//   refused-async     the same with non-blocking connects; the program reads SO_ERROR, as an event loop does
//   cancelled         connects to a listener whose queue is full, given up by close()
//   killed            the same, given up because the process is killed
//   timed-out         the same, given up by the kernel (TCP_USER_TIMEOUT)
//
// The last three make one real connection first, which fills the queue; nobody accepts it. Prints
// {"pid":P,"port":N,"attempts":N,"established":N,"errors":[errno,…]}; "pid" is the process that made the attempts.
#include "workload.h"

#define MAX_ATTEMPTS 2000

static int errors[MAX_ATTEMPTS];

static int connecting_socket(struct address to, int flags) {
  int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) die("socket");
  return fd;
}

/** A port where nobody listens: held by a bound socket, so that nobody else can get it meanwhile. */
static int closed_port(struct address at) {
  int fd = socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at.storage, at.length)) die("bind");
  return local_port(fd);
}

static int refused(struct address to) {
  int fd = connecting_socket(to, 0);
  int error = connect(fd, (struct sockaddr *)&to.storage, to.length) ? errno : 0;
  close(fd);
  return error;
}

static void begin(int fd, struct address to) {
  if (connect(fd, (struct sockaddr *)&to.storage, to.length) == 0 || errno != EINPROGRESS) die("connect");
}

/** Waits until the kernel has decided, and takes the socket's error, so that later readers find none. */
static int outcome(int fd) {
  struct pollfd wait_for = {.fd = fd, .events = POLLOUT};
  if (poll(&wait_for, 1, MAX_SECONDS * 1000) != 1) die("poll");
  int error;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length)) die("SO_ERROR");
  return error;
}

static int refused_async(struct address to) {
  int fd = connecting_socket(to, SOCK_NONBLOCK), error = 0;
  if (connect(fd, (struct sockaddr *)&to.storage, to.length)) {
    if (errno != EINPROGRESS && errno != ECONNREFUSED) die("connect");
    error = errno == EINPROGRESS ? outcome(fd) : errno;
  }
  close(fd);
  return error;
}

static int cancelled(struct address to) {
  int fd = connecting_socket(to, SOCK_NONBLOCK);
  begin(fd, to);
  close(fd);
  return 0;
}

static int timed_out(struct address to) {
  int fd = connecting_socket(to, SOCK_NONBLOCK);
  unsigned milliseconds = 100;
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  begin(fd, to);
  int error = outcome(fd);
  close(fd);
  return error;
}

/** Starts a process that connects until it is killed; returns its pid, dead. */
static pid_t killed(struct address to) {
  int begun[2];
  char byte;
  if (pipe(begun)) die("pipe");
  pid_t child = fork();
  if (child == 0) {
    bound_life();
    begin(connecting_socket(to, SOCK_NONBLOCK), to);
    if (write(begun[1], "b", 1) != 1) die("write");
    for (;;) pause();
  }
  if (read(begun[0], &byte, 1) != 1) die("read");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(begun[0]);
  close(begun[1]);
  return child;
}

static void set_port(struct address *a, int port) {
  if (a->storage.ss_family == AF_INET6)
    ((struct sockaddr_in6 *)&a->storage)->sin6_port = htons((uint16_t)port);
  else
    ((struct sockaddr_in *)&a->storage)->sin_port = htons((uint16_t)port);
}

int main(int argc, char **argv) {
  bound_life();
  if (argc < 2) return fprintf(stderr, "usage: attempts KIND [options], see the source\n"), 2;
  const char *kind = argv[1], *family = option(argc, argv, "--family", "4");
  long count = number(option(argc, argv, "--count", "1"));
  if (count > MAX_ATTEMPTS) count = MAX_ATTEMPTS;
  become(number(option(argc, argv, "--uid", "0")), number(option(argc, argv, "--gid", "0")));

  struct address to = loopback(family, 0);
  int needs_full_queue = strncmp(kind, "refused", 7) != 0, filler = -1;
  if (needs_full_queue) {
    set_port(&to, local_port(listen_on(to, 0)));
    filler = connecting_socket(to, 0);
    if (connect(filler, (struct sockaddr *)&to.storage, to.length)) die("connect");
  } else {
    set_port(&to, closed_port(to));
  }

  pid_t pid = getpid();
  for (long i = 0; i < count; i++) {
    if (!strcmp(kind, "refused"))
      errors[i] = refused(to);
    else if (!strcmp(kind, "refused-async"))
      errors[i] = refused_async(to);
    else if (!strcmp(kind, "cancelled"))
      errors[i] = cancelled(to);
    else if (!strcmp(kind, "timed-out"))
      errors[i] = timed_out(to);
    else if (!strcmp(kind, "killed") && count == 1)
      pid = killed(to);
    else
      return fprintf(stderr, "unknown kind: %s\n", kind), 2;
  }
  printf("{\"pid\":%d,\"port\":%d,\"attempts\":%ld,\"established\":%d,\"errors\":[", pid, port_of(&to.storage), count,
         needs_full_queue);
  for (long i = 0; i < count; i++) printf("%s%d", i ? "," : "", errors[i]);
  printf("]}\n");
  return 0;
}
