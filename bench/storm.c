// Bounded loads for the bench, all inside the network namespace that it runs in.
//
//   storm connections N [--parallel N]   N connections, 64 bytes each way
//   storm requests N                     N requests of 64 bytes on one connection, each answered by 64 bytes
//   storm bulk N                         N blocks of 64 KiB over one connection
//   storm datagrams N                    N datagrams of 64 bytes, sent and taken by one thread
//   storm bulk-datagrams N               N datagrams of 32 KiB, likewise
//   storm scan N [--sockets 1] [--hold 1]  N datagrams of 64 bytes, each to another peer, where nobody is; the sockets stay
//                                        open until stdin ends
//
// Clients and servers of TCP are threads of two processes. Prints {"operations":N,"seconds":S,"cpuSeconds":S,"port":N,
// "failed":N}; the CPU is that of the client.
#include "../test/workloads/workload.h"
#include <sys/mman.h>
#include <time.h>

#define BYTES 64
#define MAX_PARALLEL 64
/** Loopback addresses dialled in turn: one alone runs out of ports while closed connections linger. */
#define ADDRESSES 251

static int port, listener;
static long each;

static long exchange_block(int fd, int receive_first) {
  char block[BYTES] = {0};
  if (receive_first && recv(fd, block, BYTES, MSG_WAITALL) != BYTES) return 0;
  if (send(fd, block, BYTES, MSG_NOSIGNAL) != BYTES) return 0;
  return receive_first || recv(fd, block, BYTES, MSG_WAITALL) == BYTES;
}

static void *serve(void *unused) {
  char byte;
  for (;;) {
    int fd = accept(listener, NULL, NULL), one = 1;
    if (fd < 0) die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (exchange_block(fd, 1)) {
    }
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    close(fd);
  }
  return unused;
}

static void serve_with(int threads) {
  pthread_t thread;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&thread, NULL, serve, NULL)) die("pthread_create");
  serve(NULL);
}

static int dial(long i) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % ADDRESSES));
  if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to)) {
    close(fd);
    return -1;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/** Returns how many failed. */
static void *connect_many(void *number) {
  long failed = 0;
  for (long i = 0; i < each; i++) {
    int fd = dial(i * MAX_PARALLEL + (long)number);
    if (fd < 0 || !exchange_block(fd, 0)) failed++;
    if (fd >= 0) close(fd);
  }
  return (void *)failed;
}

static long connections(int parallel) {
  pthread_t threads[MAX_PARALLEL];
  long failed = 0;
  for (long i = 0; i < parallel; i++)
    if (pthread_create(&threads[i], NULL, connect_many, (void *)i)) die("pthread_create");
  for (int i = 0; i < parallel; i++) {
    void *result;
    pthread_join(threads[i], &result);
    failed += (long)result;
  }
  return failed;
}

static long requests(long count) {
  int fd = dial(0);
  long failed = 0;
  for (long i = 0; i < count; i++) failed += !exchange_block(fd, 0);
  close(fd);
  return failed;
}

static long bulk(long count) {
  static char block[65536];
  int fd = dial(0);
  long failed = 0;
  for (long i = 0; i < count; i++) failed += send(fd, block, sizeof block, MSG_NOSIGNAL) != sizeof block;
  close(fd);
  return failed;
}

static void *drain(void *unused) {
  static char block[65536];
  int fd = accept(listener, NULL, NULL);
  while (recv(fd, block, sizeof block, 0) > 0) {
  }
  return unused;
}

static long datagrams(long count, size_t size) {
  static char block[65536];
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof here;
  int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(to, (struct sockaddr *)&here, length) || getsockname(to, (struct sockaddr *)&here, &length) ||
      connect(from, (struct sockaddr *)&here, length))
    die("datagrams");
  long failed = 0;
  for (long i = 0; i < count; i++)
    failed += send(from, block, size, 0) != (ssize_t)size || recv(to, block, sizeof block, 0) != (ssize_t)size;
  return failed;
}

/** Loopback addresses with so many ports each. */
#define PORTS 60000

static long scan(long count, long sockets) {
  static char block[BYTES];
  long failed = 0;
  for (long s = 0; s < sockets; s++) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (long i = s; i < count; i += sockets) {
      struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(1024 + i % PORTS))};
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(1 + i / PORTS));
      failed += sendto(fd, block, sizeof block, 0, (struct sockaddr *)&to, sizeof to) != sizeof block;
    }
  }
  return failed;
}

static long run(const char *kind, long count, int parallel, long sockets) {
  if (!strcmp(kind, "connections")) return connections(parallel);
  if (!strcmp(kind, "bulk")) return bulk(count);
  if (!strcmp(kind, "datagrams")) return datagrams(count, BYTES);
  if (!strcmp(kind, "bulk-datagrams")) return datagrams(count, 32768);
  if (!strcmp(kind, "scan")) return scan(count, sockets);
  return requests(count);
}

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  bound_life();
  if (argc < 3)
    return fprintf(stderr, "usage: storm connections|requests|bulk|datagrams|bulk-datagrams|scan N [--parallel N]\n"),
           2;
  int storm = !strcmp(argv[1], "connections");
  long count = number(argv[2]);
  int parallel = (int)number(option(argc, argv, "--parallel", "4"));
  if (parallel < 1 || parallel > MAX_PARALLEL) parallel = MAX_PARALLEL;
  each = count / parallel;

  struct address any = loopback("4", 0);
  ((struct sockaddr_in *)&any.storage)->sin_addr.s_addr = htonl(INADDR_ANY);
  listener = listen_on(any, 4096);
  port = local_port(listener);
  pid_t server = fork();
  if (server == 0) {
    bound_life();
    if (!strcmp(argv[1], "bulk")) drain(NULL), exit(0);
    serve_with(storm ? parallel : 1);
  }
  close(listener);

  double begin = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  long failed = run(argv[1], count, parallel, number(option(argc, argv, "--sockets", "1")));
  double seconds = now(CLOCK_MONOTONIC) - begin, cpu_seconds = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("{\"operations\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"port\":%d,\"failed\":%ld}\n",
         storm ? each * parallel : count, seconds, cpu_seconds, port, failed);
  fflush(stdout);
  char byte;
  if (number(option(argc, argv, "--hold", "0")))
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  return 0;
}
