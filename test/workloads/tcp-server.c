// A TCP server in the shapes that make "who owns this connection?" hard.
//
//   tcp-server MODE [--family 4|6|dual] [--port N] [--uid N --gid N] [--workers N] [--program FILE]
//
//   loop       one process accepts and serves
//   prefork    the parent listens; its --workers children accept
//   threads    --workers threads accept
//   handover   a dispatcher accepts, passes the descriptor to a worker process (SCM_RIGHTS) and closes its own at once
//   handover-late   the same, but the dispatcher is the last to close
//   exec       accepts, forks, and the child becomes --program, the socket being its stdin and stdout
//   activation the parent listens and never accepts; a child becomes --program and accepts on the inherited listener
//
// Speaks JSON lines on stdout: {"listening":PORT,"pid":P,"workers":[P…]}, then for every connection, before it is closed,
// {"pid":P,"peerPort":N,"received":N,"sent":N}. Ends when its stdin does.
//
// A connection: read to the peer's FIN, answer with reply_size() bytes, close. --program is this program under another
// name; `serve REPORT_FD` and `accept LISTEN_FD REPORT_FD` are what it does there.
#include "workload.h"

#define BACKLOG 1024
#define MAX_WORKERS 16
/** High enough to be free, low enough for any limit of descriptors. */
#define REPORT_FD 9
#define LISTEN_FD 8

static int report_fd = STDOUT_FILENO;

/** From nothing over one byte to more than a window: sizes at which bookkeeping goes wrong. */
static long reply_size(long request) {
  if (request % 3 == 0) return 0;
  if (request == 1) return 100003;
  return request * 31 % 4093;
}

static void serve(int fd) {
  long received = receive_all(fd);
  long sent = send_bytes(fd, reply_size(received));
  report(report_fd, "{\"pid\":%d,\"peerPort\":%d,\"received\":%ld,\"sent\":%ld}\n", getpid(), peer_port(fd), received,
         sent);
}

static int take(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) die("accept");
  return fd;
}

static void serve_for_ever(int listener) {
  for (;;) {
    int fd = take(listener);
    serve(fd);
    close(fd);
  }
}

static void *serving_thread(void *listener) {
  serve_for_ever(*(int *)listener);
  return NULL;
}

static void send_descriptor(int channel, int fd) {
  char byte = 'c', control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(channel, &message, 0) != 1) die("sendmsg");
}

static int receive_descriptor(int channel) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

/** Serves what the dispatcher passes on and, if asked to, says when its own descriptor is closed. */
static void worker_by_handover(int channel, int acknowledge) {
  for (int fd; (fd = receive_descriptor(channel)) >= 0;) {
    serve(fd);
    close(fd);
    if (acknowledge && write(channel, "d", 1) != 1) die("acknowledge");
  }
}

/** Waits for a connection; 0 when stdin has ended and none is left: clients may be gone before they are served. */
static int connection_waits(int listener) {
  struct pollfd fds[] = {{.fd = listener, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  while (poll(fds, 2, -1) < 0)
    if (errno != EINTR) die("poll");
  return fds[0].revents != 0;
}

static void dispatch(int listener, int channel, int close_last) {
  char byte;
  while (connection_waits(listener)) {
    int fd = take(listener);
    send_descriptor(channel, fd);
    if (close_last && read(channel, &byte, 1) != 1) die("acknowledgement");
    close(fd);
  }
}

static void become_program(const char *program, const char *role, const char *first, const char *second) {
  execl(program, program, role, first, second, (char *)NULL);
  die(program);
}

static void exec_for_each(int listener, const char *program) {
  while (connection_waits(listener)) {
    int fd = take(listener);
    pid_t child = fork();
    if (child == 0) {
      bound_life();
      dup2(STDOUT_FILENO, REPORT_FD);
      dup2(fd, STDIN_FILENO);
      dup2(fd, STDOUT_FILENO);
      become_program(program, "serve", "9", NULL);
    }
    close(fd);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  }
  while (wait(NULL) > 0) {
  }
}

static pid_t activated(int listener, const char *program) {
  pid_t child = fork();
  if (child) return child;
  bound_life();
  dup2(STDOUT_FILENO, REPORT_FD);
  dup2(listener, LISTEN_FD);
  become_program(program, "accept", "8", "9");
  return 0;
}

static void wait_for_end_of_stdin(void) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

static void announce(int listener, const pid_t *workers, int count) {
  char list[MAX_WORKERS * 12] = "";
  for (int i = 0; i < count; i++) sprintf(list + strlen(list), "%s%d", i ? "," : "", workers[i]);
  report(STDOUT_FILENO, "{\"listening\":%d,\"pid\":%d,\"workers\":[%s]}\n", local_port(listener), getpid(), list);
}

static void end_workers(const pid_t *workers, int count) {
  for (int i = 0; i < count; i++) kill(workers[i], SIGKILL);
  for (int i = 0; i < count; i++) waitpid(workers[i], NULL, 0);
}

int main(int argc, char **argv) {
  bound_life();
  if (argc < 2) return fprintf(stderr, "usage: tcp-server MODE [options], see the source\n"), 2;
  const char *mode = argv[1];
  if (!strcmp(mode, "serve")) {
    report_fd = (int)number(argv[2]);
    serve(STDIN_FILENO);
    return 0;
  }
  if (!strcmp(mode, "accept")) {
    report_fd = (int)number(argv[3]);
    serve_for_ever((int)number(argv[2]));
  }

  become(number(option(argc, argv, "--uid", "0")), number(option(argc, argv, "--gid", "0")));
  const char *program = option(argc, argv, "--program", argv[0]);
  int workers = (int)number(option(argc, argv, "--workers", "3"));
  if (workers > MAX_WORKERS) workers = MAX_WORKERS;
  int listener =
      listen_on(loopback(option(argc, argv, "--family", "4"), (int)number(option(argc, argv, "--port", "0"))), BACKLOG);
  pid_t pids[MAX_WORKERS];

  if (!strcmp(mode, "loop")) {
    announce(listener, NULL, 0);
    while (connection_waits(listener)) {
      int fd = take(listener);
      serve(fd);
      close(fd);
    }
  } else if (!strcmp(mode, "prefork")) {
    for (int i = 0; i < workers; i++)
      if ((pids[i] = fork()) == 0) {
        bound_life();
        serve_for_ever(listener);
      }
    announce(listener, pids, workers);
    wait_for_end_of_stdin();
    end_workers(pids, workers);
  } else if (!strcmp(mode, "threads")) {
    pthread_t thread;
    for (int i = 0; i < workers; i++)
      if (pthread_create(&thread, NULL, serving_thread, &listener)) die("pthread_create");
    announce(listener, NULL, 0);
    wait_for_end_of_stdin();
  } else if (!strcmp(mode, "handover") || !strcmp(mode, "handover-late")) {
    int late = !strcmp(mode, "handover-late"), pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) die("socketpair");
    if ((pids[0] = fork()) == 0) {
      bound_life();
      close(listener);
      close(pair[0]);
      worker_by_handover(pair[1], late);
      return 0;
    }
    announce(listener, pids, 1);
    dispatch(listener, pair[0], late);
    close(pair[0]);
    close(pair[1]);
    waitpid(pids[0], NULL, 0);
  } else if (!strcmp(mode, "exec")) {
    announce(listener, NULL, 0);
    exec_for_each(listener, program);
  } else if (!strcmp(mode, "activation")) {
    pids[0] = activated(listener, program);
    announce(listener, pids, 1);
    wait_for_end_of_stdin();
    end_workers(pids, 1);
  } else {
    return fprintf(stderr, "unknown mode: %s\n", mode), 2;
  }
  return 0;
}
