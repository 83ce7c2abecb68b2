// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): a datagram to a unix socket, which Node cannot send.
#include "notify.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

Napi::Value Notify(const Napi::CallbackInfo &info) {
  std::string path = info[0].As<Napi::String>(), text = info[1].As<Napi::String>();
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  bool fits = !path.empty() && path.size() < sizeof(address.sun_path);
  int fd = fits ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) return Napi::Boolean::New(info.Env(), false);
  memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  auto size = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.size());
  ssize_t sent =
      sendto(fd, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<struct sockaddr *>(&address), size);
  close(fd);
  return Napi::Boolean::New(info.Env(), sent == static_cast<ssize_t>(text.size()));
}
