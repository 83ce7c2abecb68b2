/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
/* What sockflow.h promises beyond events: errors, timeouts, interrupts, threads, the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sockflow.h>
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

static struct sockflow *watcher;

static void refuses_what_is_wrong(void) {
  struct sockflow *none = (struct sockflow *)&watcher;
  struct sockflow_error error;
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  options.ring_bytes = 5;
  expect(sockflow_open(&options, &none, &error) == -EINVAL);
  expect(none == NULL && error.number == EINVAL && strstr(error.message, "power of two"));
  options.ring_bytes = 0;
  options.watch = 1u << 31;
  expect(sockflow_open(&options, &none, NULL) == -EINVAL);
  options.watch = 0;
  options.size = 0;
  expect(sockflow_open(&options, &none, &error) == -EINVAL && strstr(error.message, "SOCKFLOW_OPTIONS"));
}

/* Of a later version, with a field that this one does not know: only when it has its default. */
static void refuses_what_it_does_not_know(void) {
  struct {
    struct sockflow_options known;
    uint64_t later;
  } options = {SOCKFLOW_OPTIONS, 1};
  struct sockflow *later;
  options.known.size = sizeof(options);
  expect(sockflow_open(&options.known, &later, NULL) == -EINVAL);
  options.later = 0;
  expect(sockflow_open(&options.known, &later, NULL) == 0);
  sockflow_close(later);
}

/* A connect that fails at once. */
static uint16_t fail_once(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
  socklen_t size = sizeof(address);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = address.sin_addr};
  expect(bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
  expect(getsockname(fd, (struct sockaddr *)&local, &size) == 0);
  expect(connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1 && errno == ECONNREFUSED);
  close(fd);
  return ntohs(local.sin_port);
}

static int is_mine(const struct sockflow_event *e, uint16_t port) {
  return e->process.pid == (uint32_t)getpid() && e->local_port == port;
}

static void gives_the_event(void) {
  const struct sockflow_event *event;
  uint16_t port = fail_once();
  do expect(sockflow_next(watcher, &event, 60000) == 1);
  while (!is_mine(event, port));
  expect(event->type == SOCKFLOW_TCP_CONNECT_FAILED && event->error == ECONNREFUSED);
  expect(!strcmp(event->error_type, "connection_refused") && !strcmp(event->close_reason, "refused"));
  expect(!strcmp(event->process.name, "header") && strstr(event->process.path, "/header"));
  expect(event->parent.pid == (uint32_t)getppid() && event->process.uid == getuid());
  expect(event->peer_port == 9 && event->ip_version == 4 && !memcmp(event->peer_address, "\177\0\0\1", 4));
  expect(!strcmp(sockflow_event_name(event->type), "sockflow.connection.failed"));
}

static void *interrupt_soon(void *unused) {
  usleep(50000);
  struct sockflow_statistics statistics; /* by another thread, while one waits */
  expect(sockflow_statistics(watcher, &statistics, sizeof(statistics)) == 0);
  expect(statistics.events > 0 && statistics.opened >= statistics.closed);
  sockflow_interrupt(watcher);
  return unused;
}

/* Other programs' events may come meanwhile. */
static void can_be_interrupted(void) {
  pthread_t thread;
  const struct sockflow_event *event;
  expect(pthread_create(&thread, NULL, interrupt_soon, NULL) == 0);
  while (sockflow_next(watcher, &event, -1) == 1) {
  }
  expect(event == NULL);
  pthread_join(thread, NULL);
}

static void interrupt(void *context, const struct sockflow_event *event) {
  *(int *)context += event->process.pid != 0;
  sockflow_interrupt(watcher);
}

static void dispatch_can_be_interrupted(void) {
  int count = 0;
  fail_once();
  fail_once();
  expect(sockflow_dispatch(watcher, -1, interrupt, &count) == 1);
}

static void gives_the_rest_after_the_end(void) {
  const struct sockflow_event *event;
  uint16_t port = fail_once();
  int code, mine = 0;
  expect(sockflow_stop(watcher) == 0 && sockflow_stop(watcher) == 0);
  uint16_t unseen = fail_once();
  while ((code = sockflow_next(watcher, &event, 0)) == 1) {
    mine += is_mine(event, port);
    expect(!is_mine(event, unseen));
  }
  expect(code == -ENODATA && mine == 1);
  expect(sockflow_next(watcher, &event, -1) == -ENODATA);
}

/* Nobody asks for events, and the ring is as small as it may be. */
static void counts_what_has_no_room(void) {
  struct sockflow *lazy;
  struct sockflow_statistics s;
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  options.ring_bytes = 1 << 16;
  expect(sockflow_open(&options, &lazy, NULL) == 0);
  for (int i = 0; i < 2000; i++) fail_once();
  int tries = 0; /* somebody else's connection may begin between two of the numbers */
  do expect(sockflow_statistics(lazy, &s, sizeof(s)) == 0);
  while (s.opened != s.closed + s.live + s.lost && ++tries < 1000);
  expect(s.opened == s.closed + s.live + s.lost);
  expect(s.lost > 0 && s.closed > 0 && s.opened >= 2000 && s.events == 0);
  sockflow_close(lazy);
}

int main(void) {
  struct sockflow_error error;
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  refuses_what_is_wrong();
  refuses_what_it_does_not_know();
  if (sockflow_open(&options, &watcher, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  expect(strstr(sockflow_description(watcher), "watching tcp and udp"));
  expect(sockflow_event_name(7) == NULL && strchr(sockflow_version(), '.'));
  gives_the_event();
  can_be_interrupted();
  dispatch_can_be_interrupted();
  gives_the_rest_after_the_end();
  counts_what_has_no_room();
  sockflow_close(watcher);
  sockflow_close(NULL);
  printf("as the header says\n");
  return 0;
}
