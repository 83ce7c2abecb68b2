// SPDX-License-Identifier: Apache-2.0
// What the agent asks of the process that keeps capabilities, and what that answers. One question at a time on a channel, each
// a message of a SOCK_SEQPACKET pair. Both ends are of one build.
#ifndef SOCKFLOW_PRIVILEGED_PROTOCOL_H
#define SOCKFLOW_PRIVILEGED_PROTOCOL_H

#include <stdint.h>

// The descriptors that the program is started with: for the thread that reads the kernel's records, and for JavaScript.
constexpr int kReaderChannel = 3;
constexpr int kJavaScriptChannel = 4;

enum class Ask : uint32_t {
  interface_name,  // of `netns`, `index`; a process there is `pid`
  route_error,     // of `netns`, `pid` to `peer_address` of `family`
  true_peer,       // of the connection
  link,            // `name`: enum class Link
  open,            // `name`: enum class File
  sockets,         // inode numbers of those that `pid` has open
};

// Of /proc/PID.
enum class Link : uint32_t { network_namespace, mount_namespace, root, executable };
enum class File : uint32_t { mountinfo, hosts, hostname };

struct Question {
  uint32_t sequence;
  Ask ask;
  uint32_t pid;
  uint32_t name;
  uint32_t netns;
  uint32_t index;
  uint64_t cookie;
  uint8_t family;
  uint8_t protocol;
  uint8_t was_unseen;
  uint16_t local_port;
  uint16_t peer_port;
  uint8_t local_address[16];
  uint8_t peer_address[16];
};

constexpr uint32_t kLongestAnswer = 65536;

// `size` bytes of data are behind it: a text without its end, a TruePeer, or numbers of 64 bits.
struct Reply {
  uint32_t sequence;
  int32_t result;      // 0, or an errno; route_error: what was found
  uint8_t has_router;  // true_peer: somebody outside of the namespace may translate
  uint8_t skipped;     // true_peer: not asked, there were too many
  uint32_t size;
};

#endif
