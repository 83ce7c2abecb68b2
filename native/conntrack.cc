// SPDX-License-Identifier: Apache-2.0
#include "conntrack.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <memory>

namespace {

constexpr size_t kRemembered = 65536;
// A question takes some 25 µs: at most 5 % of the thread that asks.
constexpr uint32_t kMostInASecond = 2000;

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

// Entries of the connection tracking of our namespace; 0 without the module.
unsigned long entries() {
  unsigned long count = 0;
  FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
  if (!file) return 0;
  if (fscanf(file, "%lu", &count) != 1) count = 0;
  fclose(file);
  return count;
}

}  // namespace

Conntrack::Conntrack() {
  struct stat own;
  if (stat("/proc/self/ns/net", &own) == 0) own_netns_ = static_cast<uint32_t>(own.st_ino);
}

Conntrack::~Conntrack() {
  if (handle_) nfct_close(handle_);
}

// Looked at once a second. Nothing is opened, and no kernel module asked for, before there is something to find.
bool Conntrack::IsInUse() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (now.tv_sec == second_) return in_use_;
  second_ = now.tv_sec;
  in_this_second_ = 0;
  in_use_ = entries() > 0;
  if (in_use_ && !handle_) handle_ = nfct_open(CONNTRACK, 0);
  return in_use_;
}

bool Conntrack::MayAsk() {
  if (++in_this_second_ <= kMostInASecond) return true;
  skipped_++;
  return false;
}

bool Conntrack::Find(uint64_t cookie, uint32_t netns, const Dialled &dialled, TruePeer *peer) {
  if (netns == own_netns_ || is_loopback(dialled) || !IsInUse() || !handle_ || asked_.contains(cookie)) return false;
  if (!MayAsk()) return false;
  if (asked_.size() >= kRemembered) asked_.clear();
  asked_.insert(cookie);
  Entry entry = question(dialled);
  if (!entry) return false;
  Answer answer = {&dialled, peer, false};
  nfct_callback_register(handle_, NFCT_T_ALL, take, &answer);
  bool found = nfct_query(handle_, NFCT_Q_GET, entry.get()) == 0;
  nfct_callback_unregister(handle_);
  return found && answer.translated;
}
