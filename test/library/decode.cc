// SPDX-License-Identifier: Apache-2.0
// A batch of wire records on stdin to a line of JSON for each event, by the decoder of the C library.
#include <arpa/inet.h>
#include <stdio.h>

#include <iterator>
#include <iostream>
#include <string>
#include <vector>

#include "decode.h"

static std::string address(const struct sockflow_event *e, const uint8_t *bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(e->ip_version == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
}

static std::string quoted(const char *text) {
  if (!text) return "null";
  std::string json = "\"";
  for (; *text; text++) json += *text == '\\' || *text == '"' ? std::string("\\") + *text : std::string(1, *text);
  return json + "\"";
}

static void print(const struct sockflow_event *e) {
  printf("{\"type\":%u,\"protocol\":%u,\"version\":%u,\"role\":%u,\"older\":%u,", e->type, e->protocol, e->ip_version,
         e->role, e->older);
  printf("\"local\":\"%s %u\",\"peer\":\"%s %u\",", address(e, e->local_address).c_str(), e->local_port,
         address(e, e->peer_address).c_str(), e->peer_port);
  if (e->dialled_port) printf("\"dialled\":\"%s %u\",", address(e, e->dialled_address).c_str(), e->dialled_port);
  printf("\"time\":\"%lu %lu %lu\",\"id\":\"%s\",\"number\":\"%lu\",\"netns\":%u,\"interface\":\"%s\",", e->time_ns,
         e->begin_time_ns, e->last_time_ns, e->id, e->number, e->netns, e->interface);
  printf("\"moved\":\"%lu %lu %lu %lu\",\"us\":\"%u %u %u %u\",\"again\":\"%u %u\",", e->sent_bytes, e->received_bytes,
         e->sent_packets, e->received_packets, e->latency_us, e->rtt_us, e->rtt_min_us, e->rtt_variation_us,
         e->retransmissions, e->segments);
  printf("\"end\":[%d,%s,%s],\"attribution\":\"%s\",", e->error, quoted(e->error_type).c_str(),
         quoted(e->close_reason).c_str(), e->attribution);
  printf("\"process\":[%u,%u,%u,%s,%s],\"parent\":[%u,%u,%s,%s],", e->process.pid, e->process.uid, e->process.gid,
         quoted(e->process.name).c_str(), quoted(e->process.path).c_str(), e->parent.pid, e->parent.uid,
         quoted(e->parent.name).c_str(), quoted(e->parent.path).c_str());
  printf("\"place\":[%s,%s,%s,%s]}\n", quoted(e->cgroup).c_str(), quoted(e->container_id).c_str(),
         quoted(e->container_runtime).c_str(), quoted(e->pod_uid).c_str());
}

int main(int, char **arguments) {
  std::vector<char> batch((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  Decoder decoder(strtoul(arguments[1], nullptr, 0));
  for (size_t at = 0; at < batch.size();)
    if (auto *event = decoder.Next(batch.data(), batch.size(), &at)) print(event);
  fprintf(stderr, "%lu\n", decoder.malformed());
}
