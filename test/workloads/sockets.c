// A process that does what it is told, one system call a line: tests that need an exact order of events, or both ends of a
// connection in a certain state, write that order down in TypeScript (test/support/sockets.ts).
//
// Reads commands on stdin and answers each with {"pid":P,"result":R,"error":E}. Ends when stdin does, and its sockets with
// it. The line `thread …` runs the rest in a thread of its own; `fork` answers from the child, which listens from then
// on, and the parent again after the child's `exit`; `exec FILE` goes on as another program with the same descriptors.
#include "datagrams.h"
#include "descriptors.h"
#include "workload.h"

#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MAX_WORDS 8
#define LIMIT 19000

static char line[1024];
static char *words[MAX_WORDS];

static int as_int(int i) { return words[i] ? (int)number(words[i]) : 0; }

static void answer(long result) {
  int error = result < 0 ? errno : 0;
  report(STDOUT_FILENO, "{\"pid\":%d,\"result\":%ld,\"error\":%d}\n", getpid(), result, error);
}

/** The address is in word i, the port in the next; an address with a colon is IPv6. */
static struct address address_at(int i) {
  int v6 = strchr(words[i], ':') != NULL, port = as_int(i + 1);
  struct address a = loopback(v6 ? "6" : "4", port);
  void *to = v6 ? (void *)&((struct sockaddr_in6 *)&a.storage)->sin6_addr
                : (void *)&((struct sockaddr_in *)&a.storage)->sin_addr;
  if (inet_pton(a.storage.ss_family, words[i], to) != 1) die(words[i]);
  return a;
}

static long make_socket(void) {
  int v6 = as_int(1) == 6, nonblocking = as_int(2) ? SOCK_NONBLOCK : 0;
  return socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | nonblocking, as_int(3));
}

static long disconnect(int fd) {
  struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
  return connect(fd, &nowhere, sizeof nowhere);
}

static long set_option(int level, int name, int value) {
  return setsockopt(as_int(1), level, name, &value, sizeof value);
}

static long linger(int fd, int seconds) {
  struct linger option = {.l_onoff = 1, .l_linger = seconds};
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

static long get_option(int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(as_int(1), level, name, &value, &length) ? -1 : value;
}

/** Exactly so many bytes, or what came until the end when there are fewer; an error counts when nothing came. */
static long receive(int fd, long count) {
  char block[1 << 16];
  long done = 0;
  while (done < count) {
    long left = count - done;
    ssize_t n = recv(fd, block, left < (long)sizeof block ? (size_t)left : sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0) return -1;
    if (n <= 0) break;
    done += n;
  }
  return done;
}

static long send_all(int fd, long count) {
  long done = send_bytes(fd, count);
  return done == 0 && count > 0 ? -1 : done;
}

/** Waits for poll's events; its result are those that came. */
static long wait_for(int fd, int events) {
  struct pollfd one = {.fd = fd, .events = (short)events};
  while (poll(&one, 1, MAX_SECONDS * 1000) < 0)
    if (errno != EINTR) return -1;
  return one.revents;
}

/** One operation through a ring of its own, in the kernel's terms: no library is needed for one. */
static long by_ring(int opcode, int fd, void *buffer, unsigned length) {
  struct io_uring_params p = {0};
  int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
  if (ring < 0) return -1;
  size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe *entry =
      mmap(NULL, p.sq_entries * sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (rings == MAP_FAILED || entry == MAP_FAILED) return -1;
  *entry = (struct io_uring_sqe){.opcode = (uint8_t)opcode, .fd = fd, .addr = (uintptr_t)buffer, .len = length};
  *(uint32_t *)(rings + p.sq_off.array) = 0;
  __atomic_store_n((uint32_t *)(rings + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  long entered = syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  long result = entered < 0 ? -errno : ((struct io_uring_cqe *)(rings + p.cq_off.cqes))->res;
  close(ring);
  errno = result < 0 ? (int)-result : 0;
  return result < 0 ? -1 : result;
}

static long ring_command(void) {
  static char block[1 << 16];
  unsigned length = words[3] ? (unsigned)as_int(3) : 0;
  if (!strcmp(words[1], "accept")) return by_ring(IORING_OP_ACCEPT, as_int(2), NULL, 0);
  if (!strcmp(words[1], "recv")) return by_ring(IORING_OP_RECV, as_int(2), block, length);
  return by_ring(IORING_OP_SEND, as_int(2), block, length);
}

/** So many connections to one address, all kept open; the result is the number of them. */
static long connect_many(long count) {
  struct address to = address_at(2);
  for (long i = 0; i < count; i++) {
    int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to.storage, to.length)) return -1;
  }
  return count;
}

static long accept_many(int listener, long count) {
  for (long i = 0; i < count; i++)
    if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0) return -1;
  return count;
}

/** Sends a byte on each of the descriptors first, first + 1, …, last. */
static long send_on_range(int first, int last) {
  for (int fd = first; fd <= last; fd++)
    if (send_bytes(fd, 1) != 1) return -1;
  return last - first + 1;
}

static long close_range_of(int first, int last) {
  for (int fd = first; fd <= last; fd++)
    if (close(fd)) return -1;
  return last - first + 1;
}

static long command(void) {
  const char *name = words[0];
  int fd = words[1] && (words[1][0] >= '0' && words[1][0] <= '9') ? as_int(1) : -1;
  struct address a;
  if (!strcmp(name, "socket")) return make_socket();
  if (!strcmp(name, "datagram-socket")) return make_datagram_socket(as_int(1), words[2]);
  if (!strcmp(name, "send-datagram"))
    return words[3] ? (a = address_at(3), send_datagram(fd, (size_t)as_int(2), &a))
                    : send_datagram(fd, (size_t)as_int(2), NULL);
  if (!strcmp(name, "send-datagrams"))
    return send_datagrams(fd, as_int(2), (size_t)as_int(3), as_int(4), address_at(5), as_int(6));
  if (!strcmp(name, "send-hex")) return send_bytes_of(fd, (size_t)as_int(2), words[3]);
  if (!strcmp(name, "take-datagrams")) return take_datagrams(fd, as_int(2), words[3] ? as_int(3) : -1);
  if (!strcmp(name, "join")) return join_group(fd, words[2]);
  if (!strcmp(name, "bind")) return a = address_at(2), bind(fd, (struct sockaddr *)&a.storage, a.length);
  if (!strcmp(name, "listen")) return listen(fd, as_int(2));
  if (!strcmp(name, "connect")) return a = address_at(2), connect(fd, (struct sockaddr *)&a.storage, a.length);
  if (!strcmp(name, "accept")) return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  if (!strcmp(name, "fast-open"))
    return a = address_at(2),
           sendto(fd, line, (size_t)as_int(4), MSG_FASTOPEN, (struct sockaddr *)&a.storage, a.length);
  if (!strcmp(name, "send")) return send_all(fd, as_int(2));
  if (!strcmp(name, "receive")) return receive(fd, as_int(2));
  if (!strcmp(name, "drain")) return receive(fd, __LONG_MAX__);
  if (!strcmp(name, "peek")) return recv(fd, (char[16]){0}, 16, MSG_PEEK);
  if (!strcmp(name, "poll")) return wait_for(fd, as_int(2));
  if (!strcmp(name, "shutdown")) return shutdown(fd, as_int(2));
  if (!strcmp(name, "close")) return close(fd);
  if (!strcmp(name, "dup")) return dup(fd);
  if (!strcmp(name, "disconnect")) return disconnect(fd);
  if (!strcmp(name, "linger")) return linger(fd, as_int(2));
  if (!strcmp(name, "option")) return set_option(as_int(2), as_int(3), as_int(4));
  if (!strcmp(name, "get-option")) return get_option(as_int(2), as_int(3));
  if (!strcmp(name, "local-port")) return local_port(fd);
  if (!strcmp(name, "give")) return give(words[2], fd);
  if (!strcmp(name, "meet")) return meet(words[1]);
  if (!strcmp(name, "take")) return take(fd);
  if (!strcmp(name, "keep")) return fcntl(fd, F_SETFD, 0);
  if (!strcmp(name, "ring")) return ring_command();
  if (!strcmp(name, "connect-many")) return connect_many(as_int(1));
  if (!strcmp(name, "accept-many")) return accept_many(fd, as_int(2));
  if (!strcmp(name, "send-on")) return send_on_range(fd, as_int(2));
  if (!strcmp(name, "close-all")) return close_range_of(fd, as_int(2));
  fprintf(stderr, "unknown command: %s\n", name);
  exit(2);
}

static void *run_and_answer(void *nothing) {
  answer(command());
  return nothing;
}

static void in_a_thread(void) {
  pthread_t thread;
  memmove(words, words + 1, sizeof words - sizeof *words);
  if (pthread_create(&thread, NULL, run_and_answer, NULL)) die("pthread_create");
  pthread_join(thread, NULL);
}

static void fork_and_wait(void) {
  pid_t child = fork();
  if (child == 0) {
    bound_life();
    answer(0);
    return;
  }
  waitpid(child, NULL, 0);
  answer(0);
}

/** Goes on as another program; that one says when it is there. */
static void become_another(const char *file) {
  execl(file, file, "again", (char *)NULL);
  answer(-1);
}

/** stdin is not buffered: after a fork or an exec the next line is read by whoever goes on. */
static int read_line(void) {
  for (size_t length = 0; length < sizeof line - 1; length++) {
    if (read(STDIN_FILENO, line + length, 1) != 1) return 0;
    if (line[length] != '\n') continue;
    line[length] = 0;
    return 1;
  }
  return 0;
}

static void split(void) {
  memset(words, 0, sizeof words);
  int count = 0;
  for (char *word = strtok(line, " "); word && count < MAX_WORDS; word = strtok(NULL, " ")) words[count++] = word;
}

int main(int argc, char **argv) {
  bound_life();
  (void)argv;
  struct rlimit files = {LIMIT, LIMIT};
  setrlimit(RLIMIT_NOFILE, &files);
  if (argc > 1)
    answer(0);
  else
    close_range(3, ~0U, 0);  // what was inherited by mistake would make the numbers of descriptors a guess
  while (read_line()) {
    split();
    if (!words[0] || !strcmp(words[0], "exit")) return 0;
    if (!strcmp(words[0], "thread"))
      in_a_thread();
    else if (!strcmp(words[0], "fork"))
      fork_and_wait();
    else if (!strcmp(words[0], "exec"))
      become_another(words[1]);
    else
      answer(command());
  }
  return 0;
}
