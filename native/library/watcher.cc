// SPDX-License-Identifier: Apache-2.0
#include "watcher.h"

#include <errno.h>
#include <sys/utsname.h>

#include <algorithm>

namespace {

constexpr size_t batch_bytes = 256 * 1024;
constexpr int64_t poll_ns = 25000000;
constexpr int64_t millisecond = 1000000;

int64_t now_ns() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void sleep_ns(int64_t time) {
  struct timespec t = {time / 1000000000, time % 1000000000};
  nanosleep(&t, nullptr);  // a signal ends it early, which its handler may be glad of
}

std::string text_or_empty(const char *text) { return text ? text : ""; }

uint32_t or_default(uint32_t value, uint32_t fallback) { return value ? value : fallback; }

struct sf_options native_options(const struct sockflow_options &given) {
  bool both = !(given.watch & (SOCKFLOW_TCP | SOCKFLOW_UDP));
  constexpr uint32_t kinds = SOCKFLOW_IN | SOCKFLOW_OUT | SOCKFLOW_CLOSE | SOCKFLOW_RETRANSMIT | SOCKFLOW_UPDATE |
                             SOCKFLOW_RESET | SOCKFLOW_DROP;
  uint32_t watch = given.watch & kinds ? given.watch : given.watch | kinds;
  bool extra = given.watch & kinds;  // those that nobody has by default
  struct sf_options native = {};
  native.ring_bytes = or_default(given.ring_bytes, 16 << 20);
  native.max_connections = or_default(given.max_connections, 131072);
  native.max_flows = or_default(given.max_flows, 65536);
  native.flow_idle_ns = or_default(given.flow_idle_ms, 60000) * 1000000ULL;
  native.only_netns = given.only_netns;
  native.existing = !given.only_new;
  native.tcp = both || given.watch & SOCKFLOW_TCP;
  native.udp = both || given.watch & SOCKFLOW_UDP;
  native.emit_open = (watch & (SOCKFLOW_IN | SOCKFLOW_OUT)) != 0;
  native.retransmits = (watch & SOCKFLOW_RETRANSMIT) != 0;
  native.updates = extra && watch & SOCKFLOW_UPDATE;
  native.resets = extra && watch & SOCKFLOW_RESET;
  native.drops = extra && watch & SOCKFLOW_DROP;
  native.listeners = native.drops;
  return native;
}

}  // namespace

Watcher::Watcher(const struct sockflow_options &options)
    : native_(native_options(options)),
      interval_ns_(or_default(options.interval_ms, 10000) * millisecond),
      names_(text_or_empty(options.docker_socket), text_or_empty(options.containerd_state)),
      decoder_(options.watch, options.no_names ? nullptr : &names_),
      batch_(batch_bytes) {}

Watcher::~Watcher() {
  JoinSearch();
  sf_close(agent_);
}

int Watcher::Open(struct sf_error *error) {
  int code = sf_open(&native_, &agent_, error);
  if (!code) code = sf_attach(agent_, error);
  if (code) return code;
  Describe();
  reported_at_ = now_ns();
  // What it finds goes into the ring, so somebody has to be able to read that meanwhile.
  search_ = std::thread([this] {
    sf_find_existing(agent_);
    searched_ = true;
  });
  return 0;
}

void Watcher::JoinSearch() {
  if (search_.joinable()) search_.join();
}

int Watcher::Next(const struct sockflow_event **event, int timeout_ms) {
  int64_t deadline = timeout_ms < 0 ? INT64_MAX : now_ns() + timeout_ms * millisecond;
  for (;;) {
    *event = nullptr;
    if (TakeInterrupt()) return 0;
    if ((*event = Decode())) return 1;
    int code = stopped_ ? FillAfterStop() : Fill();
    if (code < 0) return code;
    if (code > 0) continue;
    int64_t left = deadline - now_ns();
    if (left <= 0) return 0;
    sleep_ns(std::min(left, poll_ns));
  }
}

const struct sockflow_event *Watcher::Decode() {
  while (at_ < used_)
    if (auto *event = decoder_.Next(batch_.data(), used_, &at_)) {
      events_++;
      return event;
    }
  return nullptr;
}

// Returns whether there is something to decode, or a negative errno.
int Watcher::Fill() {
  long used = sf_read(agent_, batch_.data(), batch_.size());
  if (used < 0) return static_cast<int>(used);
  at_ = 0;
  used_ = used;
  bool has_room = batch_.size() - used_ >= SF_RECORD_MAX;  // so the ring was emptied
  if (has_room) sf_collect(agent_);
  bool more = has_room && Report();
  return used_ > 0 || more;
}

// Once an interval what had no room is looked for again, then ends that the kernel hid, and what moved; a part at a time,
// so that the ring is read in between. Returns whether there is more to read.
bool Watcher::Report() {
  if (round_ == resting && !(searched_ && IsTimeToReport())) return false;
  if (round_ == resting) round_ = searching;
  if (round_ == searching && sf_find_again(agent_) > 0) return true;
  round_ = reporting;
  if (sf_snapshot(agent_, &report_place_) > 0) return true;
  report_place_ = 0;
  round_ = resting;
  return true;
}

bool Watcher::IsTimeToReport() {
  int64_t now = now_ns();
  if (now - reported_at_ < interval_ns_) return false;
  reported_at_ = now;
  return true;
}

int Watcher::FillAfterStop() {
  long used = sf_read(agent_, batch_.data(), batch_.size());
  if (used < 0) return static_cast<int>(used);
  at_ = 0;
  used_ = used;
  if (used > 0) return 1;
  if (floods_ended_) return -ENODATA;
  if (flows_ended_) {
    sf_end_floods(agent_);
    floods_ended_ = true;
  } else {
    flows_ended_ = sf_end_flows(agent_) <= 0;
  }
  return 1;
}

void Watcher::Stop() {
  if (stopped_) return;
  stopped_ = true;
  JoinSearch();
  uint32_t place = 0;
  while (sf_end_missed(agent_, &place) > 0) Keep();
  sf_detach(agent_);
}

// What is in the ring goes behind what is not decoded yet, so that there is room.
void Watcher::Keep() {
  batch_.erase(batch_.begin(), batch_.begin() + at_);
  used_ -= at_;
  at_ = 0;
  long used;
  do {
    batch_.resize(used_ + batch_bytes);
    used = sf_read(agent_, batch_.data() + used_, batch_bytes);
    used_ += std::max(used, 0L);
  } while (used > 0);
}

int Watcher::Statistics(struct sockflow_statistics *statistics) {
  uint64_t counts[SF_COUNT_MAX];
  int code = sf_counts(agent_, counts);
  if (code) return code;
  *statistics = {};
  statistics->opened =
      counts[SF_COUNT_CONNECTS] + counts[SF_COUNT_ACCEPTS] + counts[SF_COUNT_FOUND] + counts[SF_COUNT_ATTEMPTS];
  statistics->closed = counts[SF_COUNT_CLOSED];
  statistics->lost = counts[SF_COUNT_LOST_TABLE] + counts[SF_COUNT_LOST_RING] + counts[SF_COUNT_LOST_MISSED];
  statistics->flows_opened = counts[SF_COUNT_FLOWS];
  statistics->flows_closed = counts[SF_COUNT_FLOWS_CLOSED];
  // By looking at the tables; older kernels can't.
  if (sf_live_flows(agent_, &statistics->flows_live))
    statistics->flows_live = statistics->flows_opened - statistics->flows_closed;
  if (sf_live(agent_, &statistics->live)) statistics->live = statistics->opened - statistics->closed - statistics->lost;
  statistics->dropped = counts[SF_COUNT_DROPPED_EVENTS];
  statistics->lost_datagrams = counts[SF_COUNT_LOST_DATAGRAMS];
  statistics->folded_datagrams = counts[SF_COUNT_FOLDED_DATAGRAMS];
  statistics->events = events_;
  return 0;
}

void Watcher::Describe() {
  struct sf_features features;
  sf_features(agent_, &features);
  struct utsname system;
  uname(&system);
  std::string off;
  auto missing = [&](bool is, const char *what) {
    if (is) off += (off.empty() ? "; off: " : ", ") + std::string(what);
  };
  missing(native_.udp && !features.udp, "udp (Linux 6.2 or later and cgroup v2)");
  missing(native_.updates && !features.snapshot, "updates of live connections (Linux 6.2 or later)");
  missing(native_.drops && !features.drops, "dropped segments (Linux 6.2 or later)");
  missing(!features.use_calls, "owners by sending (Linux 6.3 or later)");
  missing(!features.cgroup_hooks, "owners of unused sockets, connects without a route (no cgroup v2)");
  missing(features.cgroup_hooks && !features.whole_host,
          "owners of unused sockets, connects without a route outside this cgroup namespace");
  bool udp = native_.udp && features.udp;
  const char *what = !native_.tcp ? udp ? "udp" : "nothing" : udp ? "tcp and udp" : "tcp";
  description_ = std::string("Linux ") + system.release + ", watching " + what + off;
}
