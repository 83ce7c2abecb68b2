#!/bin/sh
# Sends to a Collector on this machine. Start one first: otelcol --config otel-collector.yaml
# COLLECTOR says where it is; --format text shows the lines here, too.
endpoint=${COLLECTOR:-http://localhost:4317}
exec "$(dirname "$0")/../bin/sockflow" --otlp-endpoint "$endpoint" --format text --duration "${1:-10s}"
