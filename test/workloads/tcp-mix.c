// Very many connections that end in every way a program can make them end without waiting for a timer.
//
//   tcp-mix serve [--port N]                                        serves whatever `dial` asks for, until stdin ends
//   tcp-mix dial --port N --host 127.83.1.K [--threads N] [--rounds N]
//
// A round of a thread is one connection of each kind, see `kinds`. The first two bytes of a connection tell the server what
// to do, and with how many bytes, so both ends know all sizes. Prints what was done, by kind:
// {"pid":P,"rounds":N,"sent":N,"received":N}; the bytes are those that the client's calls returned.
#include "workload.h"

#include <stdint.h>

#define MAX_THREADS 16
#define SERVING_THREADS 32

enum kind {
  CLIENT_CLOSES,
  SERVER_CLOSES,
  HALF_CLOSE,
  CLIENT_RESETS,
  SERVER_RESETS,
  CLIENT_IGNORES,
  REFUSED,
  CANCELLED,
  KINDS
};

struct request {
  uint8_t kind, size;
};

struct sums {
  long sent, received;
};

static struct address to;
static struct address closed, full;
static long rounds;

static int receive_exactly(int fd, long count) {
  char block[4096];
  while (count > 0) {
    ssize_t n = recv(fd, block, count < (long)sizeof block ? (size_t)count : sizeof block, 0);
    if (n <= 0) return 0;
    count -= n;
  }
  return 1;
}

static void close_with_reset(int fd) {
  struct linger now = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

// ---- server

static long reply_of(struct request r) { return r.kind == CLIENT_IGNORES ? 1 + r.size : 3L * r.size; }

static void serve(int fd) {
  struct request r;
  if (recv(fd, &r, sizeof r, MSG_WAITALL) == sizeof r && receive_exactly(fd, r.size)) {
    send_bytes(fd, reply_of(r));
    if (r.kind == SERVER_RESETS) {
      char byte;
      recv(fd, &byte, 1, 0);  // the client has read it all
      close_with_reset(fd);
      return;
    }
    if (r.kind == SERVER_CLOSES || r.kind == HALF_CLOSE) shutdown(fd, SHUT_WR);
    receive_all(fd);
  }
  close(fd);
}

static void *serving_thread(void *listener) {
  for (;;) {
    int fd = accept4(*(int *)listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    serve(fd);
  }
}

static int run_server(int port) {
  struct address at = loopback("4", port);
  ((struct sockaddr_in *)&at.storage)->sin_addr.s_addr = INADDR_ANY;
  int listener = listen_on(at, 4096);
  pthread_t thread;
  for (int i = 0; i < SERVING_THREADS; i++)
    if (pthread_create(&thread, NULL, serving_thread, &listener)) die("pthread_create");
  report(STDOUT_FILENO, "{\"listening\":%d,\"pid\":%d,\"workers\":[]}\n", local_port(listener), getpid());
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

// ---- client

static int new_socket(int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) die("socket");
  return fd;
}

static int dial(struct address *where) {
  int fd = new_socket(0);
  if (connect(fd, (struct sockaddr *)&where->storage, where->length)) die("connect");
  return fd;
}

static void refused(void) {
  int fd = new_socket(0);
  if (connect(fd, (struct sockaddr *)&closed.storage, closed.length) == 0 || errno != ECONNREFUSED) die("not refused");
  close(fd);
}

static void cancelled(void) {
  int fd = new_socket(SOCK_NONBLOCK);
  if (connect(fd, (struct sockaddr *)&full.storage, full.length) == 0 || errno != EINPROGRESS) die("not connecting");
  close(fd);
}

/** The end of a connection whose request was sent and, but for CLIENT_IGNORES, whose reply was read. */
static void finish(int fd, enum kind kind, struct sums *sums) {
  char byte = 0;
  switch (kind) {
    case CLIENT_RESETS:
      close_with_reset(fd);
      return;
    case SERVER_RESETS:
      sums->sent += send_bytes(fd, 1);
      if (recv(fd, &byte, 1, 0) >= 0 || errno != ECONNRESET) die("not reset");
      break;
    case SERVER_CLOSES:
      receive_all(fd);
      break;
    case HALF_CLOSE:
      receive_all(fd);
      sums->sent += send_bytes(fd, 500);
      break;
    default:
      break;
  }
  close(fd);
}

static void transact(enum kind kind, uint8_t size, struct sums *sums) {
  struct request r = {kind, size};
  char block[sizeof r + UINT8_MAX] = {0}, byte;
  int fd = dial(&to);
  memcpy(block, &r, sizeof r);
  if (send(fd, block, sizeof r + size, MSG_NOSIGNAL) != (ssize_t)sizeof r + size) die("request");
  sums->sent += sizeof r + size;
  if (kind == CLIENT_IGNORES) {
    if (recv(fd, &byte, 1, MSG_PEEK) != 1) die("peek");
    // All of the reply is there: it was one call of the server, in one segment.
  } else if (!receive_exactly(fd, reply_of(r))) {
    die("reply");
  }
  sums->received += reply_of(r);
  finish(fd, kind, sums);
}

static void *dialling_thread(void *result) {
  struct sums *sums = result;
  for (long i = 0; i < rounds; i++) {
    for (enum kind kind = 0; kind < REFUSED; kind++) transact(kind, (uint8_t)(i * 7 + kind), sums);
    refused();
    cancelled();
  }
  return NULL;
}

static void set_host(struct address *a, const char *host, int port) {
  *a = loopback("4", port);
  if (inet_pton(AF_INET, host, &((struct sockaddr_in *)&a->storage)->sin_addr) != 1) die(host);
}

/** A port that is taken and does not listen. */
static int closed_port(void) {
  struct address at = loopback("4", 0);
  int fd = new_socket(0);
  if (bind(fd, (struct sockaddr *)&at.storage, at.length)) die("bind");
  return local_port(fd);
}

/** A listener whose queue is full of one connection. */
static int full_port(int listener) {
  struct address there = loopback("4", local_port(listener));
  dial(&there);
  return port_of(&there.storage);
}

int main(int argc, char **argv) {
  bound_life();
  int port = (int)number(option(argc, argv, "--port", "0"));
  if (argc > 1 && !strcmp(argv[1], "serve")) return run_server(port);
  set_host(&to, option(argc, argv, "--host", "127.0.0.1"), port);
  set_host(&closed, "127.0.0.1", closed_port());
  int listener = listen_on(loopback("4", 0), 0);
  set_host(&full, "127.0.0.1", full_port(listener));
  rounds = number(option(argc, argv, "--rounds", "1"));
  int threads = (int)number(option(argc, argv, "--threads", "4"));
  if (threads > MAX_THREADS) threads = MAX_THREADS;

  pthread_t ids[MAX_THREADS];
  struct sums all[MAX_THREADS] = {0}, total = {0};
  for (int i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, dialling_thread, &all[i])) die("pthread_create");
  for (int i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    total.sent += all[i].sent;
    total.received += all[i].received;
  }
  close(listener);  // before its client is: the connection in its queue is reset
  printf("{\"pid\":%d,\"rounds\":%ld,\"sent\":%ld,\"received\":%ld}\n", getpid(), rounds * threads, total.sent,
         total.received);
  return 0;
}
