// SPDX-License-Identifier: Apache-2.0
// As src/capture/decode.ts and what it calls; a test asks both.
#include "decode.h"

#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "outcome.h"

namespace {

constexpr size_t most_processes = 32768;
constexpr size_t most_interfaces = 65536;
constexpr size_t most_translations = 65536;
constexpr uint32_t loopback = 1;  // the same in every network namespace

// Without any of these all of the first four are meant.
constexpr uint32_t of_both = SOCKFLOW_IN | SOCKFLOW_OUT | SOCKFLOW_CLOSE | SOCKFLOW_RETRANSMIT;
constexpr uint32_t of_kinds = of_both | SOCKFLOW_UPDATE | SOCKFLOW_RESET | SOCKFLOW_DROP;

uint64_t key_of(uint32_t netns, uint32_t index) { return static_cast<uint64_t>(netns) << 32 | index; }

const char *text_or_null(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

const char *attribution_name(uint8_t attribution) {
  switch (attribution) {
    case SF_OWNER_LISTENER:
      return "listener";
    case SF_OWNER_OPEN:
      return "open";
    case SF_OWNER_RELEASE:
      return "release";
    case SF_OWNER_USE:
      return "use";
    case SF_OWNER_SNAPSHOT:
      return "snapshot";
  }
  return "none";
}

uint16_t type_of(const struct sf_connection &record, bool failed) {
  switch (record.event) {
    case SF_EVENT_OPEN:
      return record.role == SF_ROLE_SERVER ? SOCKFLOW_TCP_ACCEPT : SOCKFLOW_TCP_CONNECT;
    case SF_EVENT_END:
      return failed ? SOCKFLOW_TCP_CONNECT_FAILED : SOCKFLOW_TCP_CLOSE;
    case SF_EVENT_RETRANSMIT:
      return SOCKFLOW_TCP_RETRANSMIT;
    case SF_EVENT_RESET_SENT:
      return SOCKFLOW_TCP_RESET_SENT;
    case SF_EVENT_RESET_RECEIVED:
      return SOCKFLOW_TCP_RESET_RECEIVED;
    case SF_EVENT_DROP_SENT:
      return SOCKFLOW_TCP_DROP_SENT;
    case SF_EVENT_DROP_RECEIVED:
      return SOCKFLOW_TCP_DROP_RECEIVED;
  }
  return SOCKFLOW_TCP_UPDATE;
}

bool fits(uint8_t kind, size_t length, const char *record) {
  switch (kind) {
    case SF_KIND_CONNECTION:
      return length == sizeof(struct sf_connection) ||
             length == sizeof(struct sf_connection) + sizeof(struct sf_details);
    case SF_KIND_FLOW:
      return length == sizeof(struct sf_flow);
    case SF_KIND_DNS:
      return length > sizeof(struct sf_dns);
    case SF_KIND_TRANSLATION:
      return length == sizeof(struct sf_translation);
    case SF_KIND_INTERFACE:
      return length == sizeof(struct sf_interface);
    case SF_KIND_PROCESS:
      return is_whole(*reinterpret_cast<const struct sf_process *>(record), length);
  }
  return false;
}

}  // namespace

Decoder::Decoder(uint32_t watch, Names *names)
    : watch_(watch & of_kinds ? watch : watch | of_both),
      names_(names),
      processes_(most_processes),
      interfaces_(most_interfaces),
      translations_(most_translations) {}

const struct sockflow_event *Decoder::Next(const char *batch, size_t size, size_t *at) {
  const char *record = batch + *at;
  size_t left = size - *at;
  // All kinds have kind and length at the same place.
  auto *head = reinterpret_cast<const struct sf_connection *>(record);
  size_t length = left < 8 ? 0 : head->length;
  if (length == 0 || length > left || !fits(head->kind, length, record)) {
    malformed_++;
    *at = size;
    return nullptr;
  }
  *at = std::min(size, *at + ((length + 7) & ~static_cast<size_t>(7)));
  if (head->kind == SF_KIND_CONNECTION)
    Connection(*head);
  else if (head->kind == SF_KIND_FLOW)
    Flow(*reinterpret_cast<const struct sf_flow *>(record));
  else
    Learn(record);
  bool is_event = head->kind == SF_KIND_CONNECTION || head->kind == SF_KIND_FLOW;
  return is_event && IsWatched() ? &event_ : nullptr;
}

void Decoder::Learn(const char *record) {
  if (*record == SF_KIND_PROCESS) {
    auto *process = reinterpret_cast<const struct sf_process *>(record);
    Process described = process_of(*process);
    if (names_) described.names = names_->Of(described.placement);
    processes_.Put(process->serial, std::make_shared<const Process>(described));
  } else if (*record == SF_KIND_INTERFACE) {
    auto *interface = reinterpret_cast<const struct sf_interface *>(record);
    std::string name(interface->name, strnlen(interface->name, sizeof(interface->name)));
    interfaces_.Put(key_of(interface->netns, interface->index), name);
  } else if (*record == SF_KIND_TRANSLATION) {
    auto *translation = reinterpret_cast<const struct sf_translation *>(record);
    Peer peer = {{}, translation->port, false};
    memcpy(peer.address, translation->address, sizeof(peer.address));
    translations_.Put(translation->cookie, peer);
  }
}

void Decoder::Connection(const struct sf_connection &record) {
  bool has_ended = record.event == SF_EVENT_END;
  Outcome outcome = has_ended ? outcome_of(record) : Outcome();
  event_ = {};
  event_.type = type_of(record, has_ended && has_failed(record, outcome));
  event_.protocol = IPPROTO_TCP;
  event_.ip_version = record.family;
  event_.role = record.role;
  event_.older = (record.flags & SF_FLAG_PRE_EXISTING) != 0;
  event_.local_port = record.local_port;
  event_.peer_port = record.peer_port;
  memcpy(event_.local_address, record.local_address, sizeof(event_.local_address));
  memcpy(event_.peer_address, record.peer_address, sizeof(event_.peer_address));
  event_.time_ns = record.time_ns;
  event_.begin_time_ns = record.start_ns;
  event_.number = record.cookie;
  event_.netns = record.netns;
  event_.sent_bytes = record.sent_bytes;
  event_.received_bytes = record.received_bytes;
  event_.sent_packets = record.sent_packets;
  event_.received_packets = record.received_packets;
  event_.latency_us = record.handshake_us;
  event_.rtt_us = record.rtt_us;
  event_.rtt_min_us = record.rtt_min_us;
  event_.rtt_variation_us = record.rtt_variation_us;
  event_.retransmissions = record.retransmits;
  event_.segments = record.segments;
  event_.error = has_ended ? record.error : 0;
  event_.error_type = outcome.error;
  event_.close_reason = outcome.reason;
  Id(record.id);
  Interface(record.netns, record.interface);
  Owner(record.pid, record.process, record.attribution);
  Translate(has_ended, record.event == SF_EVENT_RESET_SENT || record.event == SF_EVENT_RESET_RECEIVED);
}

void Decoder::Flow(const struct sf_flow &record) {
  bool has_ended = record.event == SF_EVENT_END;
  bool others = record.flags & SF_FLOW_OTHERS;
  Outcome outcome = has_ended ? outcome_of(record) : Outcome();
  event_ = {};
  event_.type = has_ended ? SOCKFLOW_UDP_CLOSE : SOCKFLOW_UDP_UPDATE;
  event_.protocol = IPPROTO_UDP;
  event_.ip_version = record.family == 6 ? 6 : 4;
  event_.role = record.role;
  event_.older = (record.flags & SF_FLOW_PRE_EXISTING) != 0;
  event_.local_port = record.local_port;
  event_.peer_port = record.peer_port;
  if (!others) memcpy(event_.local_address, record.local_address, sizeof(event_.local_address));
  if (!others) memcpy(event_.peer_address, record.peer_address, sizeof(event_.peer_address));
  event_.time_ns = record.time_ns;
  event_.begin_time_ns = record.start_ns;
  event_.last_time_ns = record.last_ns;
  event_.number = record.number;
  event_.netns = record.netns;
  event_.sent_bytes = record.sent_bytes;
  event_.received_bytes = record.received_bytes;
  event_.sent_packets = record.sent_packets;
  event_.received_packets = record.received_packets;
  event_.error = has_ended ? record.error : 0;
  event_.error_type = outcome.error;
  event_.close_reason = outcome.reason;
  if (record.flags & SF_FLOW_TRANSLATED) {
    event_.dialled_port = record.original_port;
    memcpy(event_.dialled_address, record.original_address, sizeof(event_.dialled_address));
  }
  Id(record.id);
  Interface(record.netns, record.interface);
  Owner(record.pid, record.process, record.attribution);
  Translate(has_ended, false);
}

// The core gives its most significant byte first.
void Decoder::Id(uint64_t id) {
  snprintf(id_, sizeof(id_), "%016llx", static_cast<unsigned long long>(be64toh(id)));
  event_.id = id_;
}

void Decoder::Interface(uint32_t netns, uint32_t index) {
  if (index == loopback) {
    strcpy(event_.interface, "lo");
  } else if (std::string *name = index == 0 ? nullptr : interfaces_.Find(key_of(netns, index))) {
    name->copy(event_.interface, sizeof(event_.interface) - 1);
  }
}

void Decoder::Owner(uint32_t pid, uint32_t serial, uint8_t attribution) {
  auto *found = serial == 0 ? nullptr : processes_.Find(serial);
  owner_ = found ? *found : nullptr;
  event_.process = {pid, 0, 0, "", nullptr};
  event_.parent = {0, 0, 0, "", nullptr};
  event_.attribution = attribution_name(pid == 0 ? static_cast<uint8_t>(SF_OWNER_NONE) : attribution);
  if (!owner_) return;
  const Process &p = *owner_;
  event_.process = {p.pid, p.user_id, p.group_id, p.name.c_str(), text_or_null(p.path)};
  event_.parent = {p.parent_pid, p.parent_user_id, 0, p.parent_name.c_str(), text_or_null(p.parent_path)};
  event_.cgroup = text_or_null(p.cgroup);
  event_.container_id = text_or_null(p.placement.container_id);
  event_.container_runtime = text_or_null(p.placement.runtime);
  event_.pod_uid = text_or_null(p.placement.pod_uid);
  event_.container_name = text_or_null(p.names.container);
  event_.pod_name = text_or_null(p.names.pod);
  event_.pod_namespace = text_or_null(p.names.pod_namespace);
}

// What was dialled makes room for the true peer. A socket may dial something else after an end; only a reset may still be
// told of what it was.
void Decoder::Translate(bool has_ended, bool is_reset) {
  if (event_.role != SOCKFLOW_ROLE_CLIENT) return;
  Peer *peer = translations_.Find(event_.number);
  if (!peer || (peer->has_ended && !is_reset)) return;
  event_.dialled_port = event_.peer_port;
  memcpy(event_.dialled_address, event_.peer_address, sizeof(event_.dialled_address));
  event_.peer_port = peer->port;
  memcpy(event_.peer_address, peer->address, sizeof(event_.peer_address));
  peer->has_ended |= has_ended;
}

bool Decoder::IsWatched() const {
  switch (event_.type) {
    case SOCKFLOW_TCP_ACCEPT:
      return watch_ & SOCKFLOW_IN;
    case SOCKFLOW_TCP_CONNECT:
    case SOCKFLOW_TCP_CONNECT_FAILED:
      return watch_ & SOCKFLOW_OUT;
    case SOCKFLOW_TCP_CLOSE:
      return watch_ & SOCKFLOW_CLOSE;
    case SOCKFLOW_TCP_RETRANSMIT:
      return watch_ & SOCKFLOW_RETRANSMIT;
    case SOCKFLOW_TCP_UPDATE:
    case SOCKFLOW_UDP_UPDATE:
      return watch_ & SOCKFLOW_UPDATE;
    case SOCKFLOW_UDP_CLOSE:
      return IsWatchedFlow();
    case SOCKFLOW_TCP_RESET_SENT:
    case SOCKFLOW_TCP_RESET_RECEIVED:
      return watch_ & SOCKFLOW_RESET;
  }
  return watch_ & SOCKFLOW_DROP;
}

// Nothing tells of the begin of a UDP conversation: its end stands for it.
bool Decoder::IsWatchedFlow() const {
  return watch_ & SOCKFLOW_CLOSE || (watch_ & SOCKFLOW_IN && event_.role == SOCKFLOW_ROLE_SERVER) ||
         (watch_ & SOCKFLOW_OUT && event_.role == SOCKFLOW_ROLE_CLIENT);
}
