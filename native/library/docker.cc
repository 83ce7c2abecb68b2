// SPDX-License-Identifier: Apache-2.0
#include "docker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

namespace {

constexpr int64_t patience_ms = 500;
constexpr size_t longest = 4 << 20;

int64_t now_ms() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

class Socket {
 public:
  Socket() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;

  bool Connect(const std::string &path) const {
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (fd_ < 0 || path.size() >= sizeof(address.sun_path)) return false;
    memcpy(address.sun_path, path.data(), path.size());
    return !connect(fd_, reinterpret_cast<struct sockaddr *>(&address), sizeof(address));
  }

  // It is short, so it goes at once or not at all.
  bool Send(const std::string &request) const {
    return send(fd_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
  }

  // Until the other side closes. False: it took too long, or was too much.
  bool ReadAll(std::string *text, int64_t deadline) const {
    char part[65536];
    while (text->size() < longest) {
      int64_t left = deadline - now_ms();
      struct pollfd wanted = {fd_, POLLIN, 0};
      if (left <= 0 || poll(&wanted, 1, static_cast<int>(left)) == 0) return false;
      ssize_t got = recv(fd_, part, sizeof(part), 0);
      if (got == 0) return true;
      if (got < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (got > 0) text->append(part, static_cast<size_t>(got));
    }
    return false;
  }

 private:
  const int fd_;
};

void read_inspection(const nlohmann::json &container, ContainerNames *names) {
  auto labels = field_of(field_of(container, "Config"), "Labels");
  names->container = text_of(labels, "io.kubernetes.container.name");
  names->pod = text_of(labels, "io.kubernetes.pod.name");
  names->pod_namespace = text_of(labels, "io.kubernetes.pod.namespace");
  if (!names->container.empty()) return;
  std::string name = text_of(container, "Name");
  names->container = name.substr(name.rfind('/') + 1);
}

}  // namespace

// HTTP/1.0: the end of the answer is the end of the connection, and it has no chunks.
Asked ask_docker(const std::string &path, const std::string &id, ContainerNames *names) {
  int64_t deadline = now_ms() + patience_ms;
  Socket socket;
  std::string answer;
  if (!socket.Connect(path)) return Asked::unknown;
  if (!socket.Send("GET /containers/" + id + "/json HTTP/1.0\r\nHost: localhost\r\n\r\n")) return Asked::silent;
  return socket.ReadAll(&answer, deadline) ? read_answer(answer, names) : Asked::silent;
}

Asked read_answer(const std::string &answer, ContainerNames *names) {
  size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return Asked::unknown;
  // `HTTP/1.0 200 OK`, or less of it.
  bool is_well = answer.size() > 8 && answer.compare(0, 7, "HTTP/1.") == 0 && answer.compare(8, 5, " 200 ") == 0;
  if (!is_well) return Asked::unknown;
  read_inspection(parse_json(answer.substr(body + 4)), names);
  return names->container.empty() ? Asked::unknown : Asked::told;
}
