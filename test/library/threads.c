/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
/*
 * threads ROUNDS: what sockflow.h promises to programs with threads, under load. In each round one watcher is read to its
 * end, one is interrupted all the time and closed in the midst of events, others live for a moment only, and another
 * thread asks for numbers. Made for the sanitizers, but true without them.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sockflow.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define expect(what)                                     \
  do {                                                   \
    if (!(what)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
      exit(1);                                           \
    }                                                    \
  } while (0)

enum { EXCHANGES = 300 };

static struct sockflow *whole, *hasty;
static struct sockaddr_in answered; /* where datagrams go */
static pthread_barrier_t opened;
static atomic_bool traffic_is_over, hasty_is_over;
static atomic_uint fleeting;

static struct sockflow *open_watcher(uint32_t watch) {
  struct sockflow *watcher;
  struct sockflow_error error;
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  options.watch = watch;
  options.interval_ms = 100;
  if (sockflow_open(&options, &watcher, &error)) fprintf(stderr, "%s\n", error.message), exit(1);
  return watcher;
}

static int bound_socket(int type, struct sockaddr_in *address) {
  socklen_t size = sizeof(*address);
  int fd = socket(AF_INET, type, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET};
  inet_pton(AF_INET, "127.0.0.1", &address->sin_addr);
  expect(bind(fd, (struct sockaddr *)address, size) == 0);
  expect(getsockname(fd, (struct sockaddr *)address, &size) == 0);
  return fd;
}

static void exchange(int listener, const struct sockaddr_in *address) {
  char byte = 'x';
  int client = socket(AF_INET, SOCK_STREAM, 0);
  expect(connect(client, (const struct sockaddr *)address, sizeof(*address)) == 0);
  int server = accept(listener, NULL, NULL);
  expect(write(client, &byte, 1) == 1 && read(server, &byte, 1) == 1);
  close(client);
  expect(read(server, &byte, 1) == 0);
  close(server);
}

static void fail(const struct sockaddr_in *nobody) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  expect(connect(fd, (const struct sockaddr *)nobody, sizeof(*nobody)) == -1 && errno == ECONNREFUSED);
  close(fd);
}

static void ask(int answerer, const struct sockaddr_in *address) {
  char byte = 'x';
  struct sockaddr_in from;
  socklen_t size = sizeof(from);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  expect(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
  expect(write(fd, &byte, 1) == 1);
  expect(recvfrom(answerer, &byte, 1, 0, (struct sockaddr *)&from, &size) == 1);
  expect(sendto(answerer, &byte, 1, 0, (struct sockaddr *)&from, size) == 1 && read(fd, &byte, 1) == 1);
  close(fd);
}

static void *make_traffic(void *unused) {
  struct sockaddr_in served, nobody;
  int listener = bound_socket(SOCK_STREAM, &served);
  int silent = bound_socket(SOCK_STREAM, &nobody); /* bound, and listens never */
  int answerer = bound_socket(SOCK_DGRAM, &answered);
  expect(listen(listener, 16) == 0);
  pthread_barrier_wait(&opened);
  for (int i = 0; i < EXCHANGES; i++) {
    exchange(listener, &served);
    fail(&nobody);
    ask(answerer, &answered);
  }
  close(listener);
  close(silent);
  close(answerer);
  traffic_is_over = true;
  return unused;
}

/* Takes all there is, and has lost nothing that was not counted. */
static void *read_to_the_end(void *unused) {
  struct sockflow_statistics s;
  const struct sockflow_event *e;
  int code, closed = 0, failed = 0, conversations = 0;
  bool has_stopped = false;
  pthread_barrier_wait(&opened);
  while ((code = sockflow_next(whole, &e, 10)) != -ENODATA) {
    expect(code == 0 || code == 1);
    if (code == 1 && e->process.pid == (uint32_t)getpid()) {
      expect(strlen(e->id) == 16 && !strcmp(e->process.name, "threads") && strstr(e->process.path, "/threads"));
      closed += e->type == SOCKFLOW_TCP_CLOSE;
      failed += e->type == SOCKFLOW_TCP_CONNECT_FAILED;
      conversations += e->type == SOCKFLOW_UDP_CLOSE && e->peer_port == ntohs(answered.sin_port);
    }
    if (has_stopped || !traffic_is_over) continue;
    expect(sockflow_stop(whole) == 0);
    has_stopped = true;
  }
  expect(sockflow_statistics(whole, &s, sizeof(s)) == 0);
  int missing = 3 * EXCHANGES - closed - failed;
  expect(closed <= 2 * EXCHANGES && failed <= EXCHANGES && missing >= 0 && (uint64_t)missing <= s.lost);
  expect(conversations == EXCHANGES);
  return unused;
}

static void count(void *context, const struct sockflow_event *event) { *(size_t *)context += strlen(event->id) == 16; }

static void *read_hastily(void *unused) {
  size_t seen = 0;
  pthread_barrier_wait(&opened);
  while (!traffic_is_over) expect(sockflow_dispatch(hasty, 5, count, &seen) >= 0);
  expect(seen > 0);
  hasty_is_over = true;
  return unused;
}

static void *ask_for_numbers(void *unused) {
  struct sockflow_statistics s;
  pthread_barrier_wait(&opened);
  while (!hasty_is_over) {
    expect(sockflow_statistics(whole, &s, sizeof(s)) == 0 && sockflow_statistics(hasty, &s, sizeof(s)) == 0);
    sockflow_interrupt(hasty);
  }
  return unused;
}

static void *come_and_go(void *unused) {
  const struct sockflow_event *event;
  pthread_barrier_wait(&opened);
  while (!traffic_is_over) {
    struct sockflow *watcher = open_watcher(0);
    if (fleeting++ % 2) expect(sockflow_next(watcher, &event, 0) >= 0);
    sockflow_close(watcher);
  }
  return unused;
}

static void one_round(void) {
  void *(*const bodies[])(void *) = {make_traffic,    read_to_the_end, read_hastily,
                                     ask_for_numbers, come_and_go,     come_and_go};
  enum { COUNT = sizeof(bodies) / sizeof(*bodies) };
  pthread_t threads[COUNT];
  traffic_is_over = hasty_is_over = false;
  whole = open_watcher(0);
  hasty = open_watcher(SOCKFLOW_IN | SOCKFLOW_OUT | SOCKFLOW_CLOSE | SOCKFLOW_UPDATE | SOCKFLOW_RESET | SOCKFLOW_DROP);
  expect(pthread_barrier_init(&opened, NULL, COUNT) == 0);
  for (int i = 0; i < COUNT; i++) expect(pthread_create(&threads[i], NULL, bodies[i], NULL) == 0);
  for (int i = 0; i < COUNT; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&opened);
  sockflow_close(whole);
  sockflow_close(hasty);
}

static int descriptors(void) {
  int number = 0;
  DIR *open = opendir("/proc/self/fd");
  while (readdir(open)) number++;
  closedir(open);
  return number;
}

int main(int argc, char **arguments) {
  if (argc != 2) return 2;
  int rounds = atoi(arguments[1]), at_first = descriptors();
  for (int i = 0; i < rounds; i++) one_round();
  expect(descriptors() == at_first);
  expect(fleeting > 0);
  printf("%d rounds\n", rounds);
  return 0;
}
