// SPDX-License-Identifier: Apache-2.0
// The C functions of sockflow.h. No exception leaves them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memory>
#include <new>
#include <string>

#pragma GCC visibility push(default)
#include "sockflow.h"
#pragma GCC visibility pop
#include "watcher.h"

struct sockflow {
  Watcher watcher;
};

namespace {

// Calls `body`; what it throws becomes a negative errno.
template <typename Body>
int guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return -ENOMEM;
  } catch (...) {
    return -EIO;
  }
}

int refuse(struct sockflow_error *error, int number, const std::string &message) {
  if (error) {
    error->number = number;
    snprintf(error->message, sizeof(error->message), "%s", message.c_str());
  }
  return -number;
}

const char *remedy_of(int number) {
  switch (number) {
    case EPERM:
    case EACCES:
      return "run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
    case ENOENT:
    case ESRCH:
      return "Linux 5.15 or later with CONFIG_DEBUG_INFO_BTF is needed";
    case ENOMEM:
    case E2BIG:
      return "try a smaller ring_bytes or max_connections";
  }
  return "see what the kernel says";
}

// Of what libbpf and the verifier said, the last line: the refusal itself.
std::string last_line(const char *log) {
  std::string text(log ? log : "");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1, 200);
}

std::string explain(const struct sf_error &error) {
  std::string said = last_line(error.log);
  return std::string("cannot ") + error.what + ": " + strerror(error.number) + (said.empty() ? "" : " (" + said + ")") +
         "; " + remedy_of(error.number);
}

bool is_power_of_two(uint32_t number) { return number && !(number & (number - 1)); }

// Undefined fields of a later version count only when they are zero.
bool read_options(const struct sockflow_options *given, struct sockflow_options *options) {
  *options = SOCKFLOW_OPTIONS;
  if (!given) return true;
  if (given->size < sizeof(size_t) || given->size > 4096) return false;
  auto *bytes = reinterpret_cast<const char *>(given);
  for (size_t at = sizeof(*options); at < given->size; at++)
    if (bytes[at]) return false;
  memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
  return true;
}

const char *wrong_with(const struct sockflow_options &options) {
  constexpr uint32_t known = (SOCKFLOW_DROP << 1) - 1;
  uint32_t ring = options.ring_bytes;
  if (options.watch & ~known) return "watch has bits that this version does not know";
  if (ring && (!is_power_of_two(ring) || ring < 1 << 16 || ring > 1 << 30))
    return "ring_bytes expects a power of two from 64 KiB to 1 GiB";
  if (options.max_connections && (options.max_connections < 1024 || options.max_connections > 1 << 24))
    return "max_connections expects a number from 1024 to 16777216";
  if (options.max_flows && (options.max_flows < 1024 || options.max_flows > 1 << 22))
    return "max_flows expects a number from 1024 to 4194304";
  return nullptr;
}

int open_watcher(const struct sockflow_options *given, struct sockflow **result, struct sockflow_error *error) {
  struct sockflow_options options;
  if (!read_options(given, &options))
    return refuse(error, EINVAL, "options have fields that this version does not know: use SOCKFLOW_OPTIONS");
  if (const char *wrong = wrong_with(options)) return refuse(error, EINVAL, wrong);
  if (access("/sys/kernel/btf/vmlinux", R_OK))
    return refuse(error, ENOENT,
                  "the kernel's type information is not at /sys/kernel/btf/vmlinux; use a kernel with "
                  "CONFIG_DEBUG_INFO_BTF=y, and mount /sys in a container");
  std::unique_ptr<sockflow> watcher(new sockflow{Watcher(options)});
  struct sf_error reason = {};
  if (watcher->watcher.Open(&reason)) {
    std::string message = explain(reason);
    free(reason.log);
    return refuse(error, reason.number, message);
  }
  *result = watcher.release();
  return 0;
}

}  // namespace

extern "C" {

int sockflow_open(const struct sockflow_options *options, struct sockflow **watcher, struct sockflow_error *error) {
  *watcher = nullptr;
  if (error) *error = {};
  int code = guarded([&] { return open_watcher(options, watcher, error); });
  if (code && error && !error->number) refuse(error, -code, strerror(-code));
  return code;
}

int sockflow_next(struct sockflow *watcher, const struct sockflow_event **event, int timeout_ms) {
  return guarded([&] { return watcher->watcher.Next(event, timeout_ms); });
}

int sockflow_dispatch(struct sockflow *watcher, int timeout_ms,
                      void (*callback)(void *context, const struct sockflow_event *event), void *context) {
  const struct sockflow_event *event;
  int code = sockflow_next(watcher, &event, timeout_ms);
  if (code != 1) return code;
  int count = 0;
  while (event) {
    callback(context, event);
    count++;
    if (watcher->watcher.TakeInterrupt()) break;
    event = watcher->watcher.Decode();
  }
  return count;
}

void sockflow_interrupt(struct sockflow *watcher) { watcher->watcher.Interrupt(); }

int sockflow_stop(struct sockflow *watcher) {
  return guarded([&] {
    watcher->watcher.Stop();
    return 0;
  });
}

void sockflow_close(struct sockflow *watcher) { delete watcher; }

int sockflow_statistics(struct sockflow *watcher, struct sockflow_statistics *statistics, size_t size) {
  return guarded([&] {
    struct sockflow_statistics all;
    int code = watcher->watcher.Statistics(&all);
    if (code) return code;
    memset(statistics, 0, size);
    memcpy(statistics, &all, size < sizeof(all) ? size : sizeof(all));
    return 0;
  });
}

const char *sockflow_description(struct sockflow *watcher) { return watcher->watcher.description(); }

const char *sockflow_event_name(uint16_t type) {
  switch (type) {
    case SOCKFLOW_TCP_ACCEPT:
    case SOCKFLOW_TCP_CONNECT:
      return "sockflow.connection.open";
    case SOCKFLOW_TCP_RETRANSMIT:
      return "sockflow.connection.retransmit";
    case SOCKFLOW_TCP_UPDATE:
      return "sockflow.connection.update";
    case SOCKFLOW_TCP_RESET_SENT:
    case SOCKFLOW_TCP_RESET_RECEIVED:
      return "sockflow.connection.reset";
    case SOCKFLOW_TCP_DROP_SENT:
    case SOCKFLOW_TCP_DROP_RECEIVED:
      return "sockflow.connection.drop";
    case SOCKFLOW_UDP_UPDATE:
      return "sockflow.flow.update";
    case SOCKFLOW_TCP_CLOSE:
      return "sockflow.connection.close";
    case SOCKFLOW_UDP_CLOSE:
      return "sockflow.flow.close";
    case SOCKFLOW_TCP_CONNECT_FAILED:
      return "sockflow.connection.failed";
  }
  return nullptr;
}

const char *sockflow_version(void) { return SOCKFLOW_VERSION; }

}  // extern "C"
