// SPDX-License-Identifier: Apache-2.0
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conntrack.h"

namespace {

constexpr int kPatienceMs = 2000;

int descriptor_in(struct msghdr *message) {
  struct cmsghdr *head = CMSG_FIRSTHDR(message);
  if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof(fd));
  return fd;
}

// Out of the way of the numbers that the program gets them under.
int move_up(int fd) {
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 16);
  close(fd);
  return moved;
}

struct Pair {
  int ours = -1;
  int theirs = -1;
};

int make_pair(Pair *pair) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return -errno;
  pair->ours = ends[0];
  pair->theirs = move_up(ends[1]);
  return pair->theirs < 0 ? -errno : 0;
}

void close_both(const Pair &pair) {
  if (pair.ours >= 0) close(pair.ours);
  if (pair.theirs >= 0) close(pair.theirs);
}

// In a group of its own, so that signals of the terminal do not reach it; with nothing of our environment.
int spawn(const char *program, const char *proc, const Pair &reader, const Pair &other, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, reader.theirs, kReaderChannel);
  posix_spawn_file_actions_adddup2(&actions, other.theirs, kJavaScriptChannel);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  char *arguments[] = {const_cast<char *>(program), const_cast<char *>(proc), nullptr};
  char *environment[] = {nullptr};
  int code = posix_spawn(pid, program, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return -code;
}

}  // namespace

Channel::~Channel() { close(fd_); }

bool Channel::Put(Question question, Reply *answer, std::string *data, int *fd) {
  if (fd) *fd = -1;
  if (!open_) return false;
  question.sequence = ++sequence_;
  if (send(fd_, &question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(question)) {
    open_ = errno == EAGAIN;
    return false;
  }
  return Receive(question.sequence, answer, data, fd);
}

// Answers to questions that nobody waits for any more are passed over.
bool Channel::Receive(uint32_t sequence, Reply *answer, std::string *data, int *fd) {
  for (;;) {
    struct pollfd wanted = {fd_, POLLIN, 0};
    int ready = poll(&wanted, 1, kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    data->resize(kLongestAnswer);
    struct iovec parts[] = {{answer, sizeof(*answer)}, {data->data(), data->size()}};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t size = recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(sizeof(*answer))) {
      open_ = false;
      return false;
    }
    data->resize(static_cast<size_t>(size) - sizeof(*answer));
    int came = descriptor_in(&message);
    bool is_ours = answer->sequence == sequence;
    if (is_ours && fd)
      *fd = came;
    else if (came >= 0)
      close(came);
    if (is_ours) return true;
  }
}

std::string Remote::InterfaceName(uint32_t netns, uint32_t index, uint32_t pid) {
  Reply answer;
  std::string name;
  Question question = {};
  question.ask = Ask::interface_name;
  question.netns = netns;
  question.index = index;
  question.pid = pid;
  return channel_.Put(question, &answer, &name) ? name : "";
}

int Remote::RouteError(uint32_t netns, uint32_t pid, int family, const uint8_t *address) {
  Reply answer;
  std::string data;
  Question question = {};
  question.ask = Ask::route_error;
  question.netns = netns;
  question.pid = pid;
  question.family = static_cast<uint8_t>(family);
  memcpy(question.peer_address, address, sizeof(question.peer_address));
  return channel_.Put(question, &answer, &data) ? answer.result : 0;
}

bool Remote::TruePeerOf(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router, bool *skipped) {
  Question question = {};
  question.ask = Ask::true_peer;
  question.cookie = place.cookie;
  question.netns = place.netns;
  question.index = place.interface;
  question.pid = place.pid;
  question.was_unseen = place.was_unseen;
  question.family = dialled.family;
  question.protocol = dialled.protocol;
  question.local_port = dialled.local_port;
  question.peer_port = dialled.peer_port;
  memcpy(question.local_address, dialled.local_address, sizeof(question.local_address));
  memcpy(question.peer_address, dialled.peer_address, sizeof(question.peer_address));
  Reply answer = {};
  std::string data;
  bool answered = channel_.Put(question, &answer, &data);
  *has_router = answered && answer.has_router;
  *skipped = answered && answer.skipped;
  if (!answered || answer.result || data.size() != sizeof(*peer)) return false;
  memcpy(peer, data.data(), sizeof(*peer));
  return true;
}

pid_t start_privileged(const char *program, const char *proc, int *reader_channel, int *other_channel) {
  Pair reader, other;
  pid_t pid = -1;
  int code = make_pair(&reader);
  if (!code) code = make_pair(&other);
  if (!code) code = spawn(program, proc, reader, other, &pid);
  if (code) {
    close_both(reader);
    close_both(other);
    return code;
  }
  close(reader.theirs);
  close(other.theirs);
  *reader_channel = reader.ours;
  *other_channel = other.ours;
  return pid;
}
