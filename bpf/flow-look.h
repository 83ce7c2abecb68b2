/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Looking at the table of UDP conversations, called by user space: what has ended is told of and goes, what moved is
 * reported, until the ring is half full.
 */
#ifndef SOCKFLOW_FLOW_LOOK_H
#define SOCKFLOW_FLOW_LOOK_H

#include "flow.h"

#define NO_REASON 0

static __always_inline __u8 end_reason(const struct flow *f, const struct flow_socket *socket,
                                       const struct sf_flow_look *ask) {
  if (!socket || socket->closed) return SF_REASON_CLOSED;
  if (ask->task == SF_FLOWS_STOP) return SF_REASON_STOP;
  return f->last_ns < ask->idle_since_ns ? SF_REASON_IDLE : NO_REASON;
}

static __always_inline bool flow_wants_report(const struct flow *f, const struct sf_flow_look *ask) {
  if (ask->task < SF_FLOWS_REPORT || f->round == ask->round) return false;
  return ask->task == SF_FLOWS_REPORT_ALL || f->sent_packets != f->reported_sent_packets ||
         f->received_packets != f->reported_received_packets;
}

/* False when the ring is full. */
static __always_inline bool flow_report(const struct flow_key *key, struct flow *f, const struct flow_socket *socket,
                                        __u32 round) {
  struct flow copy = *f; /* what the record says is what is remembered, whatever comes meanwhile */
  struct sf_flow *r = flow_record(key, &copy, socket, SF_EVENT_UPDATE, NO_REASON);
  if (!r) return false;
  ring_submit(r);
  f->reported_sent_bytes = copy.sent_bytes;
  f->reported_received_bytes = copy.received_bytes;
  f->reported_sent_packets = copy.sent_packets;
  f->reported_received_packets = copy.received_packets;
  f->round = round;
  return true;
}

#define GO_ON 0
#define READ_FIRST 1 /* the ring, then look again */

static __always_inline long wait_for_room(struct sf_flow_look *ask) {
  ask->waiting = 1;
  return READ_FIRST;
}

static long look_at_each_flow(void *map, struct flow_key *key, struct flow *f, struct sf_flow_look *ask) {
  struct flow_key copy = *key;
  struct flow_socket *socket = bpf_map_lookup_elem(&flow_sockets, &copy.cookie);
  __u8 reason = end_reason(f, socket, ask);
  if (reason) {
    if (ring_has_room() && flow_end(&copy, f, socket, reason)) return GO_ON;
    return wait_for_room(ask);
  }
  if (!flow_wants_report(f, ask)) return GO_ON;
  return ring_has_room() && flow_report(&copy, f, socket, ask->round) ? GO_ON : wait_for_room(ask);
}

static __always_inline long look_at_others(struct flow_socket *socket, struct sf_flow_look *ask) {
  struct flow *f = &socket->others;
  __u8 reason = end_reason(f, socket, ask);
  if (reason) return ring_has_room() && others_end(socket, reason) ? GO_ON : wait_for_room(ask);
  if (!flow_wants_report(f, ask)) return GO_ON;
  return ring_has_room() && flow_report(NULL, f, socket, ask->round) ? GO_ON : wait_for_room(ask);
}

/* Comes after the flows: a closed socket whose flows have all ended goes, the second time that it is seen so. */
static long look_at_each_socket(void *map, __u64 *key, struct flow_socket *socket, struct sf_flow_look *ask) {
  __u64 cookie = *key;
  if (socket->others.start_ns && look_at_others(socket, ask) == READ_FIRST) return READ_FIRST;
  if (!socket->closed || socket->flows || socket->others.start_ns) return GO_ON;
  if (socket->closed == 1)
    socket->closed = 2;
  else if (!bpf_map_delete_elem(&flow_sockets, &cookie))
    __sync_fetch_and_add(&sockets_to_collect, -1);
  return GO_ON;
}

static long count_others(void *map, __u64 *key, struct flow_socket *socket, struct sf_flow_look *ask) {
  if (socket->others.start_ns) ask->live++;
  return GO_ON;
}

static long count_flow(void *map, struct flow_key *key, struct flow *f, struct sf_flow_look *ask) {
  ask->live++;
  return GO_ON;
}

#endif
