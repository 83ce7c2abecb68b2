// SPDX-License-Identifier: Apache-2.0
// The agent's end of the process that keeps capabilities (native/privileged): what that is asked.
#ifndef SOCKFLOW_REMOTE_H
#define SOCKFLOW_REMOTE_H

#include <stdint.h>
#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "privileged/protocol.h"

struct Dialled;
struct Place;
struct TruePeer;

// One thread at a time. What cannot be asked is not known: the process may have gone.
class Channel {
 public:
  explicit Channel(int fd) : fd_(fd) {}
  ~Channel();
  Channel(const Channel &) = delete;
  Channel &operator=(const Channel &) = delete;

  // False: no answer within two seconds. `fd`: what came with it, or -1; the caller's.
  bool Put(Question question, Reply *answer, std::string *data, int *fd = nullptr);
  bool is_open() const { return open_; }

 private:
  bool Receive(uint32_t sequence, Reply *answer, std::string *data, int *fd);

  const int fd_;
  uint32_t sequence_ = 0;
  std::atomic<bool> open_{true};
};

// For the thread that reads the kernel's records.
class Remote {
 public:
  explicit Remote(int fd) : channel_(fd) {}

  std::string InterfaceName(uint32_t netns, uint32_t index, uint32_t pid);
  int RouteError(uint32_t netns, uint32_t pid, int family, const uint8_t *address);
  // *has_router: whether somebody outside of its namespace may translate what goes by this interface.
  bool TruePeerOf(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router, bool *skipped);

 private:
  Channel channel_;
};

// Starts `program` for the proc file system `proc`. Returns its pid, or a negative errno.
pid_t start_privileged(const char *program, const char *proc, int *reader_channel, int *other_channel);

#endif
