// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_DECODE_H
#define SOCKFLOW_LIBRARY_DECODE_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>

#include "../../bpf/wire.h"
#include "names.h"
#include "process.h"
#include "recent.h"
#include "sockflow.h"

// Records of the kernel side to events. One thread at a time.
class Decoder {
 public:
  // `watch`: enum sockflow_watch. `names`: of containers; nullptr: nobody is asked. It outlives the decoder.
  explicit Decoder(uint32_t watch, Names *names = nullptr);

  // Takes a record and moves `at` behind it. Returns the event that it is, which lives until the next call; nullptr when
  // it is none, or none that is watched. What is no record ends the batch and is counted.
  const struct sockflow_event *Next(const char *batch, size_t size, size_t *at);

  uint64_t malformed() const { return malformed_; }

 private:
  struct Peer {
    uint8_t address[16];
    uint16_t port;
    bool has_ended;
  };
  void Learn(const char *record);
  void Connection(const struct sf_connection &record);
  void Flow(const struct sf_flow &record);
  void Owner(uint32_t pid, uint32_t serial, uint8_t attribution);
  void Interface(uint32_t netns, uint32_t index);
  void Translate(bool has_ended, bool is_reset);
  void Id(uint64_t id);
  bool IsWatched() const;
  bool IsWatchedFlow() const;

  const uint32_t watch_;
  Names *const names_;
  Recent<uint32_t, std::shared_ptr<const Process>> processes_;
  Recent<uint64_t, std::string> interfaces_;
  Recent<uint64_t, Peer> translations_;
  uint64_t malformed_ = 0;
  struct sockflow_event event_ = {};
  char id_[17] = {};
  std::shared_ptr<const Process> owner_;  // of event_, whatever is forgotten meanwhile
};

#endif
