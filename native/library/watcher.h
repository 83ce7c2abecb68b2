// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_WATCHER_H
#define SOCKFLOW_LIBRARY_WATCHER_H

#include <stdint.h>
#include <time.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "../core.h"
#include "decode.h"
#include "names.h"
#include "sockflow.h"

// Reads the core on the thread of whoever asks for the next event.
class Watcher {
 public:
  explicit Watcher(const struct sockflow_options &options);
  // Stops and joins before the agent goes.
  ~Watcher();
  Watcher(const Watcher &) = delete;
  Watcher &operator=(const Watcher &) = delete;

  // 0, or a negative errno and what failed.
  int Open(struct sf_error *error);
  int Next(const struct sockflow_event **event, int timeout_ms);
  // The next event of what was read already; nullptr when there is none.
  const struct sockflow_event *Decode();
  void Stop();
  // Any thread, or a signal handler.
  void Interrupt() { interrupted_ = true; }
  // True once for each time that somebody interrupted.
  bool TakeInterrupt() { return interrupted_.exchange(false); }
  // Any thread.
  int Statistics(struct sockflow_statistics *statistics);
  const char *description() const { return description_.c_str(); }

 private:
  int Fill();
  int FillAfterStop();
  bool IsTimeToReport();
  bool Report();
  void Keep();
  void Describe();
  void JoinSearch();

  const struct sf_options native_;
  const int64_t interval_ns_;
  struct sf_agent *agent_ = nullptr;
  std::string description_;
  Names names_;
  Decoder decoder_;
  std::vector<char> batch_;
  size_t used_ = 0;
  size_t at_ = 0;
  std::thread search_;  // for what is older than the watcher
  std::atomic<bool> searched_{false};
  int64_t reported_at_ = 0;
  uint32_t report_place_ = 0;
  enum { resting, searching, reporting } round_ = resting;
  bool stopped_ = false;
  bool flows_ended_ = false;
  bool floods_ended_ = false;
  std::atomic<bool> interrupted_{false};
  std::atomic<uint64_t> events_{0};
};

#endif
