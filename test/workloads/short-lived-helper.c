// One connection, and gone. Linked statically, so that its life is short.
//
//   short-lived-helper PORT UID BYTES
#include "workload.h"

int main(int argc, char **argv) {
  bound_life();
  if (argc != 4) return 2;
  long user = number(argv[2]);
  become(user, user);
  struct address to = loopback("4", (int)number(argv[1]));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to.storage, to.length)) die("connect");
  long bytes = number(argv[3]);
  return send_bytes(fd, bytes) != bytes;
}
