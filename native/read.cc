// SPDX-License-Identifier: Apache-2.0
// From the ring to a batch: whole records, in the units of user space.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include <string>

#include "agent.h"
#include "read.h"

namespace {

int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Half-way between two readings of the boot clock, so that being interrupted in between costs no accuracy.
int64_t clock_offset() {
  int64_t before = now(CLOCK_BOOTTIME), wall = now(CLOCK_REALTIME), after = now(CLOCK_BOOTTIME);
  return wall - (before + (after - before) / 2);
}

uint64_t read_jiffies(struct sf_agent *agent) {
  uint64_t jiffies = 0;
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &jiffies, .ctx_size_in = sizeof(jiffies));
  bpf_prog_test_run_opts(bpf_program__fd(agent->skeleton->progs.read_jiffies), &options);
  return jiffies;
}

// Kernels tick 100, 250, 300 or 1000 times a second: a coarse measurement tells which. Keeps 0 until there is one.
void measure_jiffy(struct sf_agent *agent) {
  constexpr int64_t enough = 200000000;
  int64_t time = now(CLOCK_MONOTONIC);
  if (!agent->first_reading) {
    agent->first_jiffies = read_jiffies(agent);
    agent->first_reading = time;
    return;
  }
  if (time - agent->first_reading < enough) return;
  double rate = (read_jiffies(agent) - agent->first_jiffies) * 1e9 / (time - agent->first_reading);
  double nearest = 0;
  for (double candidate : {100.0, 250.0, 300.0, 1000.0})
    if (fabs(candidate - rate) < fabs(nearest - rate)) nearest = candidate;
  agent->jiffy_ms = nearest ? 1000 / nearest : 0;
}

int route_error(struct sf_agent *agent, const struct sf_connection &c) {
  return agent->remote ? agent->remote->RouteError(c.netns, c.pid, c.family, c.peer_address)
                       : agent->routes.Error(c.netns, c.pid, c.family, c.peer_address);
}

void connection_to_common_units(struct sf_agent *agent, struct sf_connection *connection) {
  if (connection->flags & SF_FLAG_ATTEMPT) connection->error = route_error(agent, *connection);
  connection->id = htobe64(connection->id);
  connection->mptcp_id = htobe64(connection->mptcp_id);
  connection->time_ns += agent->unix_minus_boot;
  connection->start_ns += agent->unix_minus_boot;
  connection->busy_ms *= agent->jiffy_ms;
  connection->receive_window_limited_ms *= agent->jiffy_ms;
  connection->send_buffer_limited_ms *= agent->jiffy_ms;
}

void flow_to_common_units(struct sf_agent *agent, struct sf_flow *flow) {
  flow->id = htobe64(flow->id);
  flow->time_ns += agent->unix_minus_boot;
  flow->start_ns += agent->unix_minus_boot;
  flow->last_ns += agent->unix_minus_boot;
}

// Boot time to UNIX time, jiffies to milliseconds, ids to the order of their digits.
void to_common_units(struct sf_agent *agent, void *record) {
  switch (*static_cast<uint8_t *>(record)) {
    case SF_KIND_CONNECTION:
      return connection_to_common_units(agent, static_cast<struct sf_connection *>(record));
    case SF_KIND_FLOW:
      return flow_to_common_units(agent, static_cast<struct sf_flow *>(record));
    case SF_KIND_DNS:
      static_cast<struct sf_dns *>(record)->time_ns += agent->unix_minus_boot;
      return;
    case SF_KIND_PROCESS:
      static_cast<struct sf_process *>(record)->start_ns += agent->unix_minus_boot;
  }
}

void tell_interface(struct sf_agent *agent, uint32_t netns, uint32_t index, uint32_t pid) {
  std::string name = agent->interfaces.News(netns, index, pid);
  if (name.empty()) return;
  struct sf_interface record = {};
  record.kind = SF_KIND_INTERFACE;
  record.length = sizeof(record);
  record.netns = netns;
  record.index = index;
  name.copy(record.name, sizeof(record.name) - 1);
  memcpy(agent->at, &record, sizeof(record));
  agent->at += (sizeof(record) + 7) & ~7UL;
}

// Before the record that has its index.
void tell_interface_of(struct sf_agent *agent, const void *record) {
  auto *connection = static_cast<const struct sf_connection *>(record);
  auto *flow = static_cast<const struct sf_flow *>(record);
  if (connection->kind == SF_KIND_CONNECTION)
    tell_interface(agent, connection->netns, connection->interface, connection->pid);
  else if (flow->kind == SF_KIND_FLOW)
    tell_interface(agent, flow->netns, flow->interface, flow->pid);
}

void tell_translation(struct sf_agent *agent, uint64_t cookie, uint8_t family, const TruePeer &peer) {
  struct sf_translation record = {};
  record.kind = SF_KIND_TRANSLATION;
  record.family = family;
  record.length = sizeof(record);
  record.port = peer.port;
  record.cookie = cookie;
  memcpy(record.address, peer.address, sizeof(record.address));
  memcpy(agent->at, &record, sizeof(record));
  agent->at += sizeof(record);
}

// Before the first record of a connection whose packets did not show it.
void tell_translation_of(struct sf_agent *agent, const void *record) {
  auto *c = static_cast<const struct sf_connection *>(record);
  auto *f = static_cast<const struct sf_flow *>(record);
  TruePeer peer;
  bool has_router;
  if (c->kind == SF_KIND_CONNECTION && c->role == SF_ROLE_CLIENT && !(c->flags & SF_FLAG_ATTEMPT)) {
    bool unseen = !agent->features.translation || c->flags & SF_FLAG_PRE_EXISTING;
    Place place = {c->cookie, c->netns, c->interface, c->pid, unseen};
    Dialled dialled = {c->family, IPPROTO_TCP, c->local_address, c->peer_address, c->local_port, c->peer_port};
    if (agent->conntrack.Find(place, dialled, &peer, &has_router)) tell_translation(agent, c->cookie, c->family, peer);
  } else if (f->kind == SF_KIND_FLOW && f->role == SF_ROLE_CLIENT && !(f->flags & SF_FLOW_TRANSLATED)) {
    Place place = {f->number, f->netns, f->interface, f->pid, f->sent_packets == 0};
    Dialled dialled = {f->family, IPPROTO_UDP, f->local_address, f->peer_address, f->local_port, f->peer_port};
    if (agent->conntrack.Find(place, dialled, &peer, &has_router)) tell_translation(agent, f->number, f->family, peer);
  }
}

}  // namespace

// A negative return stops libbpf behind this record, which is kept.
int take_record(void *context, void *data, size_t) {
  auto *agent = static_cast<struct sf_agent *>(context);
  // All kinds have their length at the same place; a description is sent without the unused rest of its data.
  size_t length = static_cast<const struct sf_connection *>(data)->length;
  tell_interface_of(agent, data);
  tell_translation_of(agent, data);
  memcpy(agent->at, data, length);
  to_common_units(agent, agent->at);
  agent->at += (length + 7) & ~7UL;
  return agent->end - agent->at >= static_cast<ptrdiff_t>(SF_RECORD_MAX) ? 0 : -ENOBUFS;
}

static_assert(offsetof(struct sf_connection, length) == offsetof(struct sf_process, length),
              "one place for the length");
static_assert(offsetof(struct sf_flow, length) == offsetof(struct sf_connection, length), "one place for the length");
static_assert(offsetof(struct sf_translation, length) == offsetof(struct sf_connection, length),
              "one place for the length");

extern "C" long sf_read(struct sf_agent *agent, void *buffer, size_t size) {
  agent->at = static_cast<char *>(buffer);
  agent->end = agent->at + size;
  agent->unix_minus_boot = clock_offset();
  agent->routes.Expire();
  agent->conntrack.Expire();
  if (!agent->jiffy_ms) measure_jiffy(agent);
  int code = ring_buffer__consume(agent->ring);
  if (code < 0 && code != -ENOBUFS) return code;
  return agent->at - static_cast<char *>(buffer);
}
