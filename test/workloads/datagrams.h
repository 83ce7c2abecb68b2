// What sockets.c does with UDP.
#ifndef DATAGRAMS_H
#define DATAGRAMS_H
#include "workload.h"

/** `kind`: "raw", or NULL. */
static inline long make_datagram_socket(int family, const char *kind) {
  int raw = kind && !strcmp(kind, "raw");
  return socket(family == 6 ? AF_INET6 : AF_INET, (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, IPPROTO_UDP);
}

/** One datagram of so many bytes; without an address, to where the socket is connected. */
static inline long send_datagram(int fd, size_t bytes, const struct address *to) {
  static char block[1 << 16];
  if (!to) return send(fd, block, bytes, 0);
  return sendto(fd, block, bytes, 0, (const struct sockaddr *)&to->storage, to->length);
}

/** So many datagrams to one peer, or each to a port of its own from that on; the result is the number of them. */
static inline long send_datagrams(int fd, long count, size_t bytes, int each, struct address to, int port) {
  static char block[1 << 16];
  for (long i = 0; i < count; i++) {
    in_port_t here = htons((uint16_t)(each ? port + i : port));
    if (to.storage.ss_family == AF_INET6)
      ((struct sockaddr_in6 *)&to.storage)->sin6_port = here;
    else
      ((struct sockaddr_in *)&to.storage)->sin_port = here;
    if (sendto(fd, block, bytes, 0, (struct sockaddr *)&to.storage, to.length) < 0 && errno != ECONNREFUSED) return -1;
  }
  return count;
}

/** The first bytes of a datagram are given in hexadecimal; the rest, up to its size, is zero. */
static inline long send_bytes_of(int fd, size_t bytes, const char *hex) {
  static unsigned char block[1 << 16];
  for (size_t i = 0; hex[2 * i] && hex[2 * i + 1]; i++) sscanf(hex + 2 * i, "%2hhx", block + i);
  return send(fd, block, bytes, 0);
}

/** Takes so many datagrams; the result is the sum of their sizes. Answers each with so many bytes unless that is -1. */
static inline long take_datagrams(int fd, long count, long reply) {
  static char block[1 << 16];
  long sum = 0;
  for (long i = 0; i < count; i++) {
    struct address from = {.length = sizeof from.storage};
    ssize_t n = recvfrom(fd, block, sizeof block, 0, (struct sockaddr *)&from.storage, &from.length);
    if (n < 0) return -1;
    sum += n;
    if (reply >= 0 && sendto(fd, block, (size_t)reply, 0, (struct sockaddr *)&from.storage, from.length) < 0) return -1;
  }
  return sum;
}

static inline long join_group(int fd, const char *group) {
  struct ip_mreqn request = {.imr_ifindex = 1};
  if (inet_pton(AF_INET, group, &request.imr_multiaddr) != 1) die(group);
  return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

#endif
