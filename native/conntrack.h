// SPDX-License-Identifier: Apache-2.0
// Address translation that packets do not show where they leave: what a container dials is translated outside of its
// network namespace, and what is older than the agent has left long ago. The connection tracking of the namespace where that
// happens is asked, once for each connection.
#ifndef SOCKFLOW_CONNTRACK_H
#define SOCKFLOW_CONNTRACK_H

#include <stdint.h>

#include <atomic>
#include <map>
#include <unordered_set>
#include <utility>

#include "router.h"

struct nfct_handle;
class Remote;

// Both ends of a connection as its client sees them; addresses in network order, IPv4 in the first four bytes.
struct Dialled {
  uint8_t family;    // 4 or 6
  uint8_t protocol;  // IPPROTO_TCP or IPPROTO_UDP
  const uint8_t *local_address;
  const uint8_t *peer_address;
  uint16_t local_port;  // host order
  uint16_t peer_port;
};

// Whose connection it is.
struct Place {
  uint64_t cookie;
  uint32_t netns;      // inode number
  uint32_t interface;  // of its packets; 0: not known
  uint32_t pid;        // a process in it
  bool was_unseen;     // nobody has looked at its packets when they left
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

  // Whom to ask instead of looking; null: nobody.
  void AskOf(Remote *remote) { remote_ = remote; }

  // True when it is translated. Asks once for each cookie. *has_router: somebody outside of its namespace may translate.
  bool Find(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router);
  // Lets go of other namespaces. To be called from time to time.
  void Expire();
  // Not asked, since there were too many at once.
  uint64_t skipped() const { return skipped_.load(); }

 private:
  // A handle keeps its namespace alive, and the devices in it: but for our own none is kept for long.
  struct Table {
    int64_t opened;              // second
    struct nfct_handle *handle;  // null: nothing is tracked there, or it may not be entered
  };

  struct nfct_handle *Handle(const Router &where);
  bool MayAsk(uint32_t cost);
  bool Ask(const Router &where, const Dialled &dialled, TruePeer *peer);
  bool FindByRemote(const Place &place, const Dialled &dialled, TruePeer *peer, bool *has_router);
  bool IsQuiet(const Place &place) const;
  void Remember(uint64_t cookie);

  uint32_t own_netns_ = 0;
  Routers routers_;
  std::map<uint32_t, Table> tables_;
  std::unordered_set<uint64_t> asked_;
  std::atomic<uint64_t> skipped_{0};  // read by any thread
  int64_t second_ = 0;
  uint32_t in_this_second_ = 0;
  Remote *remote_ = nullptr;
  // Where nobody translates, by namespace and interface: until when that need not be asked again, in seconds.
  std::map<std::pair<uint32_t, uint32_t>, int64_t> quiet_;
};

#endif
