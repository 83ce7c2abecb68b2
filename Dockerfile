# The agent as an image: `npm run image` lays out build/image and builds this. docs/install.md says how to run it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS files
COPY build/image/ /image/
COPY packaging/healthcheck.mjs /image/opt/sockflow/packaging/

FROM ${BASE}
LABEL org.opencontainers.image.title="sockflow" \
      org.opencontainers.image.description="Which process talks to whom, and how well: an OpenTelemetry agent on eBPF" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=files /image/ /
# It starts as root, or with the capabilities that docs/install.md lists, and has none when it is ready.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["/usr/local/bin/node", "/opt/sockflow/packaging/healthcheck.mjs"]
ENTRYPOINT ["/usr/local/bin/sockflow"]
