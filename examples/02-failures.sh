#!/bin/sh
# Which process cannot reach what, and why: one JSON object for each failed connect.
exec "$(dirname "$0")/../bin/sockflow" --format json --events failed --duration "${1:-10s}"
