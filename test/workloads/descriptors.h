// Descriptors that go from one process to another, over a socket with a name.
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H
#include "workload.h"

#include <stddef.h>
#include <sys/un.h>

static inline struct sockaddr_un meeting_place(const char *name, socklen_t *length) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s", name);  // abstract: belongs to the network namespace
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  return a;
}

union control {
  char bytes[CMSG_SPACE(sizeof(int))];
  struct cmsghdr header;
};

/** Gives a descriptor away: who calls `take` with the same name gets it. */
static inline long give(const char *name, int fd) {
  socklen_t length;
  struct sockaddr_un to = meeting_place(name, &length);
  int channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char byte = 'f';
  union control control = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_name = &to,
                           .msg_namelen = length,
                           .msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control};
  control.header = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  long sent = sendmsg(channel, &message, 0);
  close(channel);
  return sent < 0 ? -1 : 0;
}

/** A place where descriptors can be given to. */
static inline long meet(const char *name) {
  socklen_t length;
  struct sockaddr_un at = meeting_place(name, &length);
  int channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return bind(channel, (struct sockaddr *)&at, length) ? -1 : channel;
}

static inline long take(int channel) {
  char byte;
  union control control;
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
  return fd;
}

#endif
