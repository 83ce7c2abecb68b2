// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_LIBRARY_JSON_H
#define SOCKFLOW_LIBRARY_JSON_H

#include <nlohmann/json.hpp>
#include <string>

// What others wrote may be anything: what is not as expected is empty, and nothing throws.
inline nlohmann::json parse_json(const std::string &text) { return nlohmann::json::parse(text, nullptr, false); }

inline nlohmann::json field_of(const nlohmann::json &object, const char *key) {
  auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? nlohmann::json() : *found;
}

inline std::string text_of(const nlohmann::json &object, const char *key) {
  auto value = field_of(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

#endif
