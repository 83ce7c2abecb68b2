/**
 * The reference path: the same records through the SDK's LoggerProvider to any LogRecordExporter. Some 20 times as dear
 * as log-writer.ts, so it is for exporters that only exist behind the SDK's interface, and for the test that finds both
 * ways equal.
 */

import type { Logger, SeverityNumber } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type LogRecordExporter, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { LRUCache } from 'lru-cache';
import type { Ledger } from '../../ledger.ts';
import type { ConnectionRecord, Exporter, Process } from '../../model.ts';
import {
  type Attribute,
  type AttributeValue,
  eventName,
  schemaUrl,
  scopeName,
  severityNumber,
  severityText,
} from '../semconv.ts';
import { toHrTime } from '../time.ts';
import {
  type CommonResource,
  type Identity,
  readAttributes,
  readCommon,
  readIdentity,
  readResource,
} from './resource.ts';

export interface SdkLogsOptions extends CommonResource {
  readonly name: string;
  readonly exporter: LogRecordExporter;
  readonly attributes: readonly Attribute<ConnectionRecord>[];
  /** Default `resource`. */
  readonly identity?: Identity;
  /** Resources that are kept, one for each observed process. Default 1,000. */
  readonly maxResources?: number;
  /** When a record came here, UNIX nanoseconds. Default: the clock. */
  readonly now?: () => bigint;
}

/** Hands each batch to the exporter as one call. A batch that it refuses is counted as lost. */
export function createSdkLogsExporter(options: SdkLogsOptions, ledger: Ledger): Exporter {
  const { name, exporter, now = () => BigInt(Date.now()) * 1_000_000n } = options;
  const emitted: ReadableLogRecord[] = [];
  const loggers = createLoggers(options, options.maxResources ?? 1000, emitted);
  return {
    name,
    export(records) {
      const observedTimestamp = toHrTime(now());
      for (const record of records) loggers(record.process).emit(toLogRecord(record, options, observedTimestamp));
      hand(exporter, emitted.splice(0), name, ledger);
    },
    async shutdown() {
      await exporter.shutdown().catch(() => undefined);
    },
  };
}

/** The logger of a process. Found by what its resource says: a name that comes later makes another resource. */
function createLoggers(
  common: SdkLogsOptions,
  max: number,
  emitted: ReadableLogRecord[],
): (process?: Process) => Logger {
  const cache = new LRUCache<string, Logger>({ max });
  // One for all providers, so that a batch of many processes stays one batch, and dropping a provider loses nothing.
  const processor = {
    onEmit: (record: ReadableLogRecord) => void emitted.push(record),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  return (process) => {
    const attributes = common.identity === 'record' ? readCommon(common) : readResource(process, common);
    const key = JSON.stringify(attributes);
    const logger = cache.get(key) ?? createLogger(attributes, common.host.agentVersion, processor);
    cache.set(key, logger);
    return logger;
  };
}

type Processor = NonNullable<NonNullable<ConstructorParameters<typeof LoggerProvider>[0]>['processors']>[number];

function createLogger(attributes: Record<string, AttributeValue>, version: string, processor: Processor): Logger {
  const resource = resourceFromAttributes(mutable(attributes), { schemaUrl });
  return new LoggerProvider({ resource, processors: [processor] }).getLogger(scopeName, version, { schemaUrl });
}

function toLogRecord(record: ConnectionRecord, options: SdkLogsOptions, observedTimestamp: [number, number]) {
  const severity = severityNumber(record);
  const own = readAttributes(options.attributes, record);
  return {
    eventName: eventName(record),
    timestamp: toHrTime(record.time),
    observedTimestamp,
    severityNumber: severity satisfies SeverityNumber,
    severityText: severityText[severity],
    attributes: mutable(options.identity === 'record' ? { ...own, ...readIdentity(record.process, options) } : own),
  };
}

/** The SDK's types want arrays that may be changed. */
function mutable(attributes: Record<string, AttributeValue>): Record<string, string | number | boolean | string[]> {
  return attributes as Record<string, string | number | boolean | string[]>;
}

function hand(exporter: LogRecordExporter, records: ReadableLogRecord[], name: string, ledger: Ledger): void {
  if (records.length === 0) return;
  try {
    exporter.export(records, ({ code }) => {
      if (code === ExportResultCode.SUCCESS) ledger.deliver(name, records.length);
      else ledger.lose('export', 'refused', records.length);
    });
  } catch {
    ledger.lose('export', 'refused', records.length);
  }
}
