// Makes connections one after the other, each with its own number of bytes.
//
//   tcp-client --port N [--family 4|6|mapped] [--connections N] [--uid N --gid N]
//
// Prints one JSON line: {"pid":P,"connections":[[localPort,sent,received],…]}.
#include "workload.h"

/** The edges first (nothing, one byte, a segment, more than a window), then a spread that repeats slowly. */
static long request_size(long i) {
  static const long edges[] = {0, 1, 2, 3, 1447, 1448, 1449, 4096, 65535, 65536, 100000};
  const long count = sizeof edges / sizeof *edges;
  return i < count ? edges[i] : i * 7919 % 4001;
}

int main(int argc, char **argv) {
  bound_life();
  struct address to = loopback(option(argc, argv, "--family", "4"), (int)number(option(argc, argv, "--port", "0")));
  long connections = number(option(argc, argv, "--connections", "1"));
  become(number(option(argc, argv, "--uid", "0")), number(option(argc, argv, "--gid", "0")));
  printf("{\"pid\":%d,\"connections\":[", getpid());
  for (long i = 0; i < connections; i++) {
    int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&to.storage, to.length)) die("connect");
    int port = local_port(fd);
    long sent = send_bytes(fd, request_size(i));
    if (shutdown(fd, SHUT_WR)) die("shutdown");
    long received = receive_all(fd);
    close(fd);
    printf("%s[%d,%ld,%ld]", i ? "," : "", port, sent, received);
  }
  printf("]}\n");
  return 0;
}
