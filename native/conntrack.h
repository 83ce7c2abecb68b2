// SPDX-License-Identifier: Apache-2.0
// Address translation by the host: what a container dials is translated outside of its network namespace, where its own
// packets' entries do not show it. The connection tracking of the agent's namespace is asked, once for each connection.
#ifndef SOCKFLOW_CONNTRACK_H
#define SOCKFLOW_CONNTRACK_H

#include <stdint.h>

#include <atomic>
#include <unordered_set>

struct nfct_handle;

// Both ends of a connection as its client sees them; addresses in network order, IPv4 in the first four bytes.
struct Dialled {
  uint8_t family;    // 4 or 6
  uint8_t protocol;  // IPPROTO_TCP or IPPROTO_UDP
  const uint8_t *local_address;
  const uint8_t *peer_address;
  uint16_t local_port;  // host order
  uint16_t peer_port;
};

struct TruePeer {
  uint8_t address[16];
  uint16_t port;  // host order
};

class Conntrack {
 public:
  Conntrack();
  ~Conntrack();
  Conntrack(const Conntrack &) = delete;
  Conntrack &operator=(const Conntrack &) = delete;

  // True when it is translated. Asks once for each `cookie`, and only for those of other network namespaces than our own.
  bool Find(uint64_t cookie, uint32_t netns, const Dialled &dialled, TruePeer *peer);
  // Not asked, since there were too many at once.
  uint64_t skipped() const { return skipped_.load(); }

 private:
  bool IsInUse();
  bool MayAsk();

  struct nfct_handle *handle_ = nullptr;
  uint32_t own_netns_ = 0;
  std::unordered_set<uint64_t> asked_;
  std::atomic<uint64_t> skipped_{0};  // read by any thread
  int64_t second_ = 0;
  uint32_t in_this_second_ = 0;
  bool in_use_ = false;
};

#endif
