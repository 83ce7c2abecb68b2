#!/bin/sh
# Flows with their processes for an ntopng on this machine, started with: ntopng -i tcp://127.0.0.1:1234
# NTOPNG says where else, as ntopng's -i does; a c at the end of both: ntopng listens there.
endpoint=${NTOPNG:-tcp://127.0.0.1:1234}
exec "$(dirname "$0")/../bin/sockflow" --zmq "$endpoint" --duration "${1:-10s}"
