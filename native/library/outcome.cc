// SPDX-License-Identifier: Apache-2.0
#include "outcome.h"

#include <errno.h>
#include <netinet/tcp.h>

namespace {

Outcome by_errno(int error) {
  switch (error) {
    case ECONNREFUSED:
      return {"refused", "connection_refused"};
    case ETIMEDOUT:
      return {"timeout", "timed_out"};
    case EHOSTUNREACH:
      return {"unreachable", "host_unreachable"};
    case ENETUNREACH:
      return {"unreachable", "network_unreachable"};
    case ECONNRESET:
    case EPIPE:  // a reset after the peer's FIN
      return {"reset_remote", "connection_reset"};
    case ECONNABORTED:
      return {"reset_local", "connection_aborted"};
    case EACCES:
    case EPERM:
      return {"unreachable", "permission_denied"};
  }
  return {"unreachable", "_OTHER"};
}

// The state from which a socket without error went to CLOSE.
Outcome by_state(int state) {
  switch (state) {
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSING:
      return {"fin_local", nullptr};
    case TCP_LAST_ACK:
      return {"fin_remote", nullptr};
    case TCP_CLOSE_WAIT:
      return {"reset_local", nullptr};
    case TCP_ESTABLISHED:
    case TCP_SYN_RECV:
      return {"reset_local", "connection_reset"};
  }
  return {"reset_local", "_OTHER"};
}

}  // namespace

Outcome outcome_of(const struct sf_connection &connection) {
  if (connection.error) return by_errno(connection.error);
  if (connection.flags & SF_FLAG_LATE) return {};  // nobody saw from which state it came
  if (connection.flags & SF_FLAG_ATTEMPT) return {"unreachable", "_OTHER"};
  if (connection.state != TCP_SYN_SENT) return by_state(connection.state);
  if (connection.sent_packets || connection.shutdown) return {"cancelled", nullptr};
  return {"unreachable", "address_not_available"};
}

Outcome outcome_of(const struct sf_flow &flow) {
  const char *reason = flow.reason == SF_REASON_IDLE ? "idle" : flow.reason == SF_REASON_STOP ? "agent_stop" : "closed";
  return {reason, flow.error ? by_errno(flow.error).error : nullptr};
}

bool has_failed(const struct sf_connection &connection, const Outcome &outcome) {
  return !(connection.flags & SF_FLAG_ESTABLISHED) && outcome.error;
}
