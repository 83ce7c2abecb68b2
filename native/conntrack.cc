// SPDX-License-Identifier: Apache-2.0
#include "conntrack.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <iterator>
#include <memory>

#include "netns.h"
#include "remote.h"

namespace {

constexpr size_t kRemembered = 65536;
// A question takes some 25 µs: at most 5 % of the thread that asks.
constexpr uint32_t kMostInASecond = 2000;
// Opening another namespace's takes as long as so many questions.
constexpr uint32_t kOpening = 5;
constexpr size_t kMostTables = 16;
constexpr int64_t kKeptSeconds = 2;
constexpr int64_t kQuietSeconds = 5;

struct Answer {
  const Dialled *dialled;
  TruePeer *peer;
  bool translated;
};

int take(enum nf_conntrack_msg_type, struct nf_conntrack *entry, void *data) {
  auto *answer = static_cast<Answer *>(data);
  bool v6 = answer->dialled->family == 6;
  size_t size = v6 ? 16 : 4;
  const void *source = nfct_get_attr(entry, v6 ? ATTR_REPL_IPV6_SRC : ATTR_REPL_IPV4_SRC);
  if (!source) return NFCT_CB_CONTINUE;
  memset(answer->peer->address, 0, sizeof(answer->peer->address));
  memcpy(answer->peer->address, source, size);
  answer->peer->port = ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC));
  answer->translated =
      memcmp(source, answer->dialled->peer_address, size) != 0 || answer->peer->port != answer->dialled->peer_port;
  return NFCT_CB_CONTINUE;  // the acknowledgement follows, and must not be left for the next question
}

using Entry = std::unique_ptr<struct nf_conntrack, decltype(&nfct_destroy)>;

Entry question(const Dialled &d) {
  Entry entry(nfct_new(), nfct_destroy);
  if (!entry) return entry;
  bool v6 = d.family == 6;
  nfct_set_attr_u8(entry.get(), ATTR_L3PROTO, v6 ? AF_INET6 : AF_INET);
  nfct_set_attr(entry.get(), v6 ? ATTR_IPV6_SRC : ATTR_IPV4_SRC, d.local_address);
  nfct_set_attr(entry.get(), v6 ? ATTR_IPV6_DST : ATTR_IPV4_DST, d.peer_address);
  nfct_set_attr_u8(entry.get(), ATTR_L4PROTO, d.protocol);
  nfct_set_attr_u16(entry.get(), ATTR_PORT_SRC, htons(d.local_port));
  nfct_set_attr_u16(entry.get(), ATTR_PORT_DST, htons(d.peer_port));
  return entry;
}

bool is_loopback(const Dialled &d) {
  static const uint8_t v6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return d.family == 6 ? memcmp(d.peer_address, v6, sizeof(v6)) == 0 : d.peer_address[0] == 127;
}

// Entries of the connection tracking of this thread's namespace; 0 without the module.
unsigned long entries() {
  unsigned long count = 0;
  FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
  if (!file) return 0;
  if (fscanf(file, "%lu", &count) != 1) count = 0;
  fclose(file);
  return count;
}

// Nothing is opened, and no kernel module asked for, where there is nothing to find.
nfct_handle *open_table() { return entries() > 0 ? nfct_open(CONNTRACK, 0) : nullptr; }

int64_t seconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec;
}

}  // namespace

Conntrack::Conntrack() : own_netns_(netns_of("self")) {}

Conntrack::~Conntrack() {
  for (auto &[netns, table] : tables_)
    if (table.handle) nfct_close(table.handle);
}

void Conntrack::Expire() {
  int64_t now = seconds();
  if (now == second_) return;
  second_ = now;
  in_this_second_ = 0;
  for (auto it = tables_.begin(); it != tables_.end();) {
    auto &[netns, table] = *it;
    // Ours is kept while there is something in it; the others' are opened again when they are asked.
    bool old = now - table.opened >= (netns == own_netns_ ? 1 : kKeptSeconds);
    if (old && netns == own_netns_ && table.handle && entries() > 0) {
      table.opened = now;
      old = false;
    }
    if (old && table.handle) nfct_close(table.handle);
    it = old ? tables_.erase(it) : std::next(it);
  }
}

struct nfct_handle *Conntrack::Handle(const Router &where) {
  auto known = tables_.find(where.netns);
  if (known != tables_.end()) return known->second.handle;
  bool is_own = where.netns == own_netns_;
  if (!is_own && (tables_.size() >= kMostTables || !MayAsk(kOpening))) {
    skipped_++;
    return nullptr;
  }
  struct nfct_handle *handle = nullptr;
  run_in(where.netns, where.pid, [&] { handle = open_table(); });
  tables_[where.netns] = {seconds(), handle};
  return handle;
}

bool Conntrack::MayAsk(uint32_t cost) {
  in_this_second_ += cost;
  return in_this_second_ <= kMostInASecond;
}

bool Conntrack::Ask(const Router &where, const Dialled &dialled, TruePeer *peer) {
  struct nfct_handle *handle = where.netns ? Handle(where) : nullptr;
  if (!handle) return false;
  if (!MayAsk(1)) {
    skipped_++;
    return false;
  }
  Entry entry = question(dialled);
  if (!entry) return false;
  Answer answer = {&dialled, peer, false};
  nfct_callback_register(handle, NFCT_T_ALL, take, &answer);
  bool found = nfct_query(handle, NFCT_Q_GET, entry.get()) == 0;
  nfct_callback_unregister(handle);
  return found && answer.translated;
}

void Conntrack::Remember(uint64_t cookie) {
  if (asked_.size() >= kRemembered) asked_.clear();
  asked_.insert(cookie);
}

bool Conntrack::IsQuiet(const Place &place) const {
  auto known = quiet_.find({place.netns, place.interface});
  return known != quiet_.end() && seconds() < known->second;
}

bool Conntrack::FindByRemote(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router) {
  if (!place.was_unseen && IsQuiet(place)) return false;
  Remember(place.cookie);
  if (!MayAsk(1)) {
    skipped_++;
    return false;
  }
  bool skipped;
  bool found = remote_->TruePeerOf(place, dialled, peer, has_router, &skipped);
  if (skipped) skipped_++;
  if (quiet_.size() >= kRemembered) quiet_.clear();
  if (!*has_router) quiet_[{place.netns, place.interface}] = seconds() + kQuietSeconds;
  return found;
}

bool Conntrack::Find(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router) {
  *has_router = false;
  if (is_loopback(dialled) || asked_.contains(place.cookie)) return false;
  if (remote_) return FindByRemote(place, dialled, peer, has_router);
  Router router = routers_.Of(place.netns, place.interface, place.pid);
  *has_router = router.netns && router.netns != place.netns;
  if (!place.was_unseen && !*has_router) return false;
  Remember(place.cookie);
  if (place.was_unseen && Ask({place.netns, place.pid}, dialled, peer)) return true;
  return *has_router && Ask(router, dialled, peer);
}
