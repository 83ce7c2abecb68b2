// SPDX-License-Identifier: Apache-2.0
// What the C library reads that others wrote, for libFuzzer: the first byte says as what.
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

#include "decode.h"
#include "docker.h"
#include "placement.h"

namespace {

void require(bool holds) {
  if (!holds) abort();
}

size_t length_of(const char *text) { return text ? strlen(text) : 0; }

// As the reader thread hands them over: at an address that is a multiple of 8, in memory that ends with the batch.
void batch(const uint8_t *data, size_t size) {
  std::vector<uint64_t> words((size + 7) / 8);
  char *bytes = reinterpret_cast<char *>(words.data());
  if (size) memcpy(bytes, data, size);
  Decoder decoder(0x1ff);
  for (size_t at = 0; at < size;) {
    size_t before = at;
    auto *event = decoder.Next(bytes, size, &at);
    require(at > before && at <= size && decoder.malformed() <= 1);
    if (!event) continue;
    require(strlen(event->id) == 16 && strnlen(event->interface, sizeof(event->interface)) < sizeof(event->interface));
    // Touches every byte of them.
    require(length_of(event->process.path) + length_of(event->cgroup) + length_of(event->container_id) < 1 << 20);
  }
}

void paths(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  size_t line = text.find('\n');
  Placement placement = placement_of({text.substr(0, line), line == std::string::npos ? "" : text.substr(line + 1)});
  require(placement.container_id.size() <= 2 * size && placement.pod_uid.size() <= 36);
}

void answer(const uint8_t *data, size_t size) {
  ContainerNames names;
  Asked said = read_answer(std::string(reinterpret_cast<const char *>(data), size), &names);
  require((said == Asked::told) == !names.container.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  if (data[0] % 4 == 1)
    paths(data + 1, size - 1);
  else if (data[0] % 4 == 2)
    answer(data + 1, size - 1);
  else
    batch(data + 1, size - 1);
  return 0;
}
