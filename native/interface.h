// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_INTERFACE_H
#define SOCKFLOW_INTERFACE_H

#include <stdint.h>

#include <map>
#include <string>
#include <utility>

class Remote;

// Names of network interfaces, each told once a minute: it may be renamed, and its number and that of its namespace may
// be given to another one. One thread at a time.
class Interfaces {
 public:
  // Whom to ask instead of looking; null: nobody.
  void AskOf(Remote *remote) { remote_ = remote; }
  // The name when it is to be told now, else an empty text. `pid`: a process that was in the namespace.
  std::string News(uint32_t netns, uint32_t index, uint32_t pid);
  // As it is now; empty: not known, or to be asked for later.
  std::string Name(uint32_t netns, uint32_t index, uint32_t pid);

 private:
  struct Asked {
    int64_t time;
    bool found;
  };
  std::map<std::pair<uint32_t, uint32_t>, Asked> asked_;
  int64_t looked_everywhere_ = 0;
  Remote *remote_ = nullptr;
};

#endif
