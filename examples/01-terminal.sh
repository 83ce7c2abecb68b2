#!/bin/sh
# The connections of this host, one line an event, for ten seconds or what you say: examples/01-terminal.sh 1m
exec "$(dirname "$0")/../bin/sockflow" --duration "${1:-10s}"
