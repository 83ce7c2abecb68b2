/** OTLP/gRPC: one unary call a request, its bytes as they are. */
import { CertificateFiles } from './certificates.ts';
import { compress } from './compress.ts';
import type { Say } from './delivery.ts';
import { createChannel } from './grpc-channel.ts';
import { classify } from './grpc-status.ts';
import { readPartialSuccess } from './partial-success.ts';
import type { Settings, Signal } from './settings.ts';
import type { Outcome, Transport } from './transport.ts';
import { userAgent } from './user-agent.ts';

const methods: Readonly<Record<Signal, string>> = {
  LOGS: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  METRICS: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  TRACES: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

/** Throws an Error of one line when a file is no good. */
export function createGrpcTransport(settings: Settings, say: Say): Transport {
  const { endpoint, url, signal, timeoutMs, tls, compression } = settings;
  const files = tls ? new CertificateFiles(settings, say) : undefined;
  const headers = { ...settings.headers, 'user-agent': userAgent };
  const path = methods[signal];
  const isCompressed = compression === 'gzip';
  const channel = createChannel(url, files && (() => files.current));
  return {
    endpoint,
    timeoutMs,
    async send(request): Promise<Outcome> {
      if (files?.refresh()) channel.renew();
      const deadline = performance.now() + timeoutMs;
      const message = isCompressed ? await compress(request) : request;
      const outcome = await channel.call({ path, headers, message, isCompressed, deadline });
      if ('answer' in outcome) return { status: 'accepted', ...readPartialSuccess(outcome.answer) };
      return classify(outcome);
    },
    renew: () => channel.renew(),
    close: () => channel.close(),
  };
}
