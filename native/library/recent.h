// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_RECENT_H
#define SOCKFLOW_LIBRARY_RECENT_H

#include <stddef.h>

#include <list>
#include <unordered_map>
#include <utility>

// A map that forgets what was not asked for longest when there is more than `limit`.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Recent {
 public:
  explicit Recent(size_t limit) : limit_(limit) {}

  void Put(const Key &key, Value value) {
    auto found = places_.find(key);
    if (found != places_.end()) items_.erase(found->second);
    items_.emplace_front(key, std::move(value));
    places_[key] = items_.begin();
    if (items_.size() <= limit_) return;
    places_.erase(items_.back().first);
    items_.pop_back();
  }

  // Valid until the next Put; nullptr when there is none.
  Value *Find(const Key &key) {
    auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    items_.splice(items_.begin(), items_, found->second);
    return &found->second->second;
  }

 private:
  const size_t limit_;
  std::list<std::pair<Key, Value>> items_;
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator, Hash> places_;
};

#endif
