// SPDX-License-Identifier: Apache-2.0
// The process that keeps capabilities when the agent gives up its own: it answers what protocol.h lists, and ends when the
// agent does. It parses nothing that comes from outside of this host's kernel.
//
//   sockflow-privileged PROC
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "../capabilities.h"
#include "../conntrack.h"
#include "../interface.h"
#include "../restrict.h"
#include "../route.h"
#include "files.h"

namespace {

// Of one channel.
class Server {
 public:
  Server(int channel, const std::string &proc) : channel_(channel), proc_(proc) {}

  // Until the agent has gone.
  void Serve() {
    for (;;) {
      struct pollfd wanted = {channel_, POLLIN, 0};
      // Now and then, so that no namespace is kept for long.
      if (poll(&wanted, 1, 1000) < 0 && errno != EINTR) return;
      routes_.Expire();
      conntrack_.Expire();
      if (!wanted.revents) continue;
      Question question;
      ssize_t size = recv(channel_, &question, sizeof(question), 0);
      if (size <= 0) return;
      if (size == sizeof(question)) Answer(question);
    }
  }

 private:
  void Answer(const Question &question) {
    Reply answer = {};
    answer.sequence = question.sequence;
    data_.clear();
    int fd = -1;
    switch (question.ask) {
      case Ask::interface_name:
        data_ = interfaces_.Name(question.netns, question.index, question.pid);
        break;
      case Ask::route_error:
        answer.result = routes_.Error(question.netns, question.pid, question.family, question.peer_address);
        break;
      case Ask::true_peer:
        FindPeer(question, &answer);
        break;
      case Ask::link:
        answer.result = read_link(proc_, question.pid, static_cast<Link>(question.name), &data_);
        break;
      case Ask::open:
        fd = open_file(proc_, question.pid, static_cast<File>(question.name));
        answer.result = fd < 0 ? -fd : 0;
        break;
      case Ask::sockets:
        ListSockets(question, &answer);
        break;
    }
    answer.size = static_cast<uint32_t>(data_.size());
    Send(answer, fd);
    if (fd >= 0) close(fd);
  }

  void FindPeer(const Question &q, Reply *answer) {
    Place place = {q.cookie, q.netns, q.index, q.pid, q.was_unseen != 0};
    Dialled dialled = {q.family, q.protocol, q.local_address, q.peer_address, q.local_port, q.peer_port};
    TruePeer peer = {};
    uint64_t skipped = conntrack_.skipped();
    bool has_router = false;
    bool found = conntrack_.Find(place, dialled, &peer, &has_router);
    answer->result = found ? 0 : ENOENT;
    answer->has_router = has_router;
    answer->skipped = conntrack_.skipped() != skipped;
    if (found) data_.assign(reinterpret_cast<const char *>(&peer), sizeof(peer));
  }

  void ListSockets(const Question &question, Reply *answer) {
    std::vector<uint64_t> inodes;
    answer->result = list_sockets(proc_, question.pid, &inodes);
    data_.assign(reinterpret_cast<const char *>(inodes.data()), inodes.size() * sizeof(uint64_t));
  }

  void Send(const Reply &answer, int fd) {
    struct iovec parts[] = {{const_cast<Reply *>(&answer), sizeof(answer)}, {data_.data(), data_.size()}};
    struct msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
      struct cmsghdr *head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    sendmsg(channel_, &message, MSG_NOSIGNAL);
  }

  const int channel_;
  const std::string proc_;
  std::string data_;
  Interfaces interfaces_;
  Routes routes_;
  Conntrack conntrack_;
};

// Those of a terminal and of a service manager are for the agent, whose end ends this.
void ignore_signals() {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_IGN);
}

}  // namespace

int main(int count, char **arguments) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (count != 2 || getsockopt(kReaderChannel, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_SEQPACKET) {
    fprintf(stderr, "sockflow-privileged: sockflow starts this program; there is nothing to start by hand\n");
    return 2;
  }
  ignore_signals();
  if (keep_capabilities_for_others() || forbid(Forbidden::but_namespaces)) return 1;
  std::string proc = arguments[1];
  std::thread([&] {
    Server(kReaderChannel, proc).Serve();
    _exit(0);
  }).detach();
  Server(kJavaScriptChannel, proc).Serve();
  _exit(0);
}
