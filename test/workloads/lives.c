// Many short lives, each of which makes one connection of 64 (or --bytes) bytes, by what is new with each of them.
//
//   lives connections|processes|namespaces|cgroups N [--rate N] [--parallel N] [--life MS] [--port N] [--bytes N]
//         [--directory DIR]
//
// connections: nothing but the connection. processes: who makes it. namespaces: the network namespace of both ends.
// cgroups: that of the client, below DIR, with a name as Docker's has. --rate: begun in a second; as fast as can be without.
// Prints {"lives":N,"failed":N,"seconds":S,"cpuSeconds":S,"port":N}; the port is 0 when each has its own.
#include "workload.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_PARALLEL 64
/** Loopback addresses dialled in turn: one alone runs out of ports while closed connections linger. */
#define ADDRESSES 251

static int listener, port;
static long count, failed, bytes;
static useconds_t life;
static const char *directory;

static int dial(long i, int to_port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)to_port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % ADDRESSES));
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) return -1;
  return fd;
}

/** 0 when all went well. The server's end is closed behind ours, so that nothing is reset. */
static int one_connection(long i) {
  int fd = dial(i, port);
  if (fd < 0) return 1;
  int wrong = send_bytes(fd, bytes) != bytes;
  if (life) usleep(life);
  shutdown(fd, SHUT_WR);
  char byte;
  wrong |= recv(fd, &byte, 1, 0) != 0;
  close(fd);
  return wrong;
}

static void *serve(void *unused) {
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    receive_all(fd);
    close(fd);
  }
  return unused;
}

static struct address everywhere(int at) {
  struct address any = loopback("4", at);
  ((struct sockaddr_in *)&any.storage)->sin_addr.s_addr = htonl(INADDR_ANY);
  return any;
}

static void start_servers(int threads, int at) {
  pthread_t thread;
  listener = listen_on(everywhere(at), 4096);
  port = local_port(listener);
  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread, NULL, serve, NULL)) die("pthread_create");
}

/** Both ends are in this process: one in the kernel's queue until the other has spoken. */
static int in_new_namespace(long i) {
  struct ifreq loopback_up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  if (unshare(CLONE_NEWNET)) return 1;
  int own = listen_on(everywhere(0), 1);
  if (ioctl(own, SIOCSIFFLAGS, &loopback_up)) return 1;
  int client = dial(i, local_port(own)), server = accept(own, NULL, NULL);
  if (client < 0 || server < 0) return 1;
  int wrong = send_bytes(client, bytes) != bytes;
  if (life) usleep(life);
  shutdown(client, SHUT_WR);
  wrong |= receive_all(server) != bytes;
  close(server);
  wrong |= receive_all(client) != 0;
  close(client);
  return wrong;
}

/** Writing 0 moves the writer. */
static int move_into(const char *cgroup) {
  char path[512];
  snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  int wrong = fd < 0 || write(fd, "0", 1) != 1;
  if (fd >= 0) close(fd);
  return wrong;
}

static int in_new_cgroup(long i) {
  char path[400];
  snprintf(path, sizeof path, "%s/docker-%032x%032lx.scope", directory, getpid(), i);
  if (mkdir(path, 0755) || move_into(path)) return 1;
  int wrong = one_connection(i);
  return move_into(directory) || rmdir(path) || wrong;
}

static int live(const char *kind, long i) {
  if (!strcmp(kind, "namespaces")) return in_new_namespace(i);
  if (!strcmp(kind, "cgroups")) return in_new_cgroup(i);
  return one_connection(i);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void await_turn(double begin, long i, long rate) {
  double early = rate ? begin + (double)i / (double)rate - now() : 0;
  if (early > 0) usleep((useconds_t)(early * 1e6));
}

static void await_one(void) {
  int status;
  if (wait(&status) < 0) die("wait");
  failed += status != 0;
}

static void forked_lives(const char *kind, double begin, long rate, long parallel) {
  for (long i = 0; i < count; i++) {
    if (i >= parallel) await_one();
    await_turn(begin, i, rate);
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
      bound_life();
      _exit(live(kind, i));
    }
  }
  for (long i = count < parallel ? count : parallel; i > 0; i--) await_one();
}

static double cpu_seconds(void) {
  struct rusage own, children;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  const struct timeval times[] = {own.ru_utime, own.ru_stime, children.ru_utime, children.ru_stime};
  double sum = 0;
  for (int i = 0; i < 4; i++) sum += (double)times[i].tv_sec + (double)times[i].tv_usec / 1e6;
  return sum;
}

int main(int argc, char **argv) {
  bound_life();
  if (argc < 3) return fprintf(stderr, "usage: lives connections|processes|namespaces|cgroups N\n"), 2;
  const char *kind = argv[1];
  count = number(argv[2]);
  long rate = number(option(argc, argv, "--rate", "0"));
  long parallel = number(option(argc, argv, "--parallel", "4"));
  if (parallel < 1 || parallel > MAX_PARALLEL) parallel = MAX_PARALLEL;
  life = (useconds_t)number(option(argc, argv, "--life", "0")) * 1000;
  bytes = number(option(argc, argv, "--bytes", "64"));
  directory = option(argc, argv, "--directory", ".");
  if (strcmp(kind, "namespaces")) start_servers((int)parallel, (int)number(option(argc, argv, "--port", "0")));

  double begin = now();
  if (strcmp(kind, "connections")) {
    forked_lives(kind, begin, rate, parallel);
  } else {
    for (long i = 0; i < count; i++) {
      await_turn(begin, i, rate);
      failed += one_connection(i);
    }
  }
  printf("{\"lives\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"port\":%d}\n", count, failed,
         now() - begin, cpu_seconds(), port);
  return 0;
}
