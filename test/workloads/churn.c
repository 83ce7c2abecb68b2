// Connects, sends, closes, all the time, in several threads, until stdin ends; tests start and stop agents meanwhile.
//
//   churn --port N [--threads N]
//
// Prints {"pid":P,"connections":[[localPort,sent,began,closing],…]}: UNIX times in microseconds, taken just before connect
// and just before the FIN is sent, so that the connection began after the first and ended after the second.
#include "workload.h"

#include <time.h>

#define MAX_THREADS 8
/** Fewer than there are ports: one that came twice would make the account ambiguous. */
#define MOST 20000

struct done {
  int port, sent;
  long began, closing;
};

static struct done all[MOST];
static int count;
static volatile int stopping;
static struct address to;

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void one(struct done *mine, int i) {
  mine->began = now();
  int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to.storage, to.length)) die("connect");
  mine->port = local_port(fd);
  mine->sent = (int)send_bytes(fd, i % 1000 * 3 + 1);
  mine->closing = now();
  if (shutdown(fd, SHUT_WR)) die("shutdown");
  receive_all(fd);
  close(fd);
}

static void *churn(void *nothing) {
  while (!stopping) {
    int i = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
    if (i >= MOST) {
      __atomic_fetch_sub(&count, 1, __ATOMIC_RELAXED);
      break;
    }
    one(&all[i], i);
    // Ever slower: as many as there may be last for half a minute, however long an agent takes to start.
    usleep(200 + i / 2);
  }
  return nothing;
}

int main(int argc, char **argv) {
  bound_life();
  to = loopback("4", (int)number(option(argc, argv, "--port", "0")));
  int threads = (int)number(option(argc, argv, "--threads", "4"));
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  pthread_t ids[MAX_THREADS];
  for (int i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, churn, NULL)) die("pthread_create");
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  stopping = 1;
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  printf("{\"pid\":%d,\"connections\":[", getpid());
  for (int i = 0; i < count; i++)
    printf("%s[%d,%d,%ld,%ld]", i ? "," : "", all[i].port, all[i].sent, all[i].began, all[i].closing);
  printf("]}\n");
  return 0;
}
