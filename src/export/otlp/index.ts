/** The OTLP outputs that were asked for. */
import { join } from 'node:path';
import type { Ledger } from '../../ledger.ts';
import type { Log } from '../../log.ts';
import type { Exporter } from '../../model.ts';
import type { AgentBooks } from '../../telemetry/agent.ts';
import { agentBooks } from '../../telemetry/books.ts';
import { observeForHealth } from '../../telemetry/provider.ts';
import type { ExporterContext } from '../index.ts';
import {
  createLookupAttributes,
  createMetricAttributes,
  createRecordAttributes,
  hasFailed,
  lookupAttributeKeys,
} from '../semconv.ts';
import { openSpool, type Spool } from '../spool/spool.ts';
import { createOtlpLogsExporter, type OtlpLogsExporter, type OtlpLogsOptions } from './logs.ts';
import { readExemplarFilter } from './metrics/exemplars.ts';
import { createOtlpMetricsExporter } from './metrics/exporter.ts';
import { toOtlpOptions } from './settings.ts';
import { createOtlpTracesExporter } from './traces.ts';

/** Throws an Error of one line when an output can't be set up as asked; an absent server is no error. */
export function createOtlpExporters(context: ExporterContext): Exporter[] {
  const { options } = context;
  const common = {
    ...toOtlpOptions(options),
    host: context.host,
    extra: options.attribute,
    containerLabels: options.containerLabels,
    podLabels: options.podLabels,
    podAnnotations: options.podAnnotations,
  };
  const logs = options.logs ? createLogs(context, common) : undefined;
  const traces = options.traces ? createTraces(context, common) : undefined;
  const books = agentBooks(
    context,
    [logs, traces].filter((exporter) => exporter !== undefined),
  );
  const metrics = options.metrics ? createMetrics(context, common, books) : undefined;
  if (!metrics) observeForHealth(context, books);
  return [logs && select(logs, context), traces, metrics].filter((exporter) => exporter !== undefined);
}

type Common = Omit<OtlpLogsOptions, 'attributes'>;

function createLogs({ options, ledger, log, ownNetworkNamespace }: ExporterContext, common: Common): OtlpLogsExporter {
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  const spool = options.spool === undefined ? undefined : open(options.spool, options.spoolSize, ledger, log);
  return createOtlpLogsExporter(
    { ...common, attributes, lookupAttributes, identity: options.identity, queueBytes: options.queueSize, spool },
    ledger,
    log.warn,
  );
}

function createTraces({ options, ledger, log, ownNetworkNamespace }: ExporterContext, common: Common) {
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  return createOtlpTracesExporter(
    { ...common, attributes, lookupAttributes, queueBytes: options.queueSize },
    ledger,
    log.warn,
  );
}

/** Each signal has a directory of its own in it. */
function open(directory: string, limit: number, ledger: Ledger, log: Log): Spool | undefined {
  return openSpool({ directory: join(directory, 'logs'), limit, ledger, say: log.warn });
}

/** The events that were asked for; metrics see all. */
function select(logs: OtlpLogsExporter, { selection, options }: ExporterContext): Exporter {
  return {
    name: logs.name,
    export: (records) => logs.export(records.filter(selection.otlp)),
    exportLookups: (lookups) => {
      if (selection.lookups.otlp) logs.exportLookups(lookups.filter(hasFailed));
    },
    isBusy: () => logs.queuedBytes > options.queueSize / 2,
    isMakingRoom: () => logs.delivery.waiting.isMakingRoom,
    shutdown: (deadline) => logs.shutdown(deadline),
  };
}

function createMetrics(context: ExporterContext, common: Common, books: AgentBooks): Exporter {
  const { options, log, ownNetworkNamespace, health } = context;
  const { metricAttributes, metricLimit: limit, metricTtl: ttl, histogram } = options;
  return createOtlpMetricsExporter(
    {
      ...common,
      ...books,
      intervalMs: options.metricInterval,
      maxLive: options.maxConnections,
      limit,
      ttl,
      histogram,
      exemplars: readExemplarFilter(options.traces),
      metricAttributes: createMetricAttributes(metricAttributes, { ...common, ownNetworkNamespace }),
      lookupsByName: metricAttributes.some((key) => lookupAttributeKeys.includes(key)),
      readers: health ? [health.reader] : [],
    },
    log.warn,
  );
}
