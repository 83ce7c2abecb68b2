/** The same records by our writer and by the SDK, as bytes, and in a form in which the two can be compared. */
import { ExportResultCode } from '@opentelemetry/core';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { LogWriter } from '../../src/export/otlp/log-writer.ts';
import type { Identity } from '../../src/export/otlp/resource.ts';
import { createSdkLogsExporter } from '../../src/export/otlp/sdk-logs.ts';
import { type Attribute, createRecordAttributes } from '../../src/export/semconv.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord } from '../../src/model.ts';
import type { Decoded, DecodedRecord, DecodedResource } from './otlp-decode.ts';
import { host, ownNetworkNamespace } from './otlp-records.ts';

export type Table = readonly Attribute<ConnectionRecord>[];

export const table = createRecordAttributes({ ownNetworkNamespace });
/** When the records came, UNIX nanoseconds. */
export const observed = 1_795_560_300_000_000_007n;

interface Ways {
  attributes?: Table;
  identity?: Identity;
  /** The user's own. */
  extra?: Readonly<Record<string, string>>;
}

export function writeOurs(
  records: readonly ConnectionRecord[],
  { attributes = table, identity = 'resource', extra = {} }: Ways = {},
): Uint8Array {
  const writer = new LogWriter({ attributes, host, identity, extra });
  for (const record of records) writer.add(record, observed);
  return writer.take().bytes;
}

export function writeSdks(
  records: readonly ConnectionRecord[],
  { attributes = table, identity = 'resource', extra = {} }: Ways = {},
): Uint8Array {
  let bytes: Uint8Array | undefined;
  const exporter: LogRecordExporter = {
    export(logs, done) {
      bytes = ProtobufLogsSerializer.serializeRequest(logs);
      done({ code: ExportResultCode.SUCCESS });
    },
    shutdown: async () => undefined,
    forceFlush: async () => undefined,
  };
  const options = { name: 'sdk', exporter, attributes, host, identity, extra, now: () => observed };
  createSdkLogsExporter(options, new Ledger()).export(records);
  return bytes as Uint8Array;
}

/** The SDK tells int from double by the value, we by the table: 0 seconds stay a double. Only the number is compared. */
function withoutKinds(attributes: Record<string, Decoded>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes)
      .map(([key, { kind, value }]) => [key, kind === 'int' || kind === 'double' ? Number(value) : value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export function normalise(resources: DecodedResource<DecodedRecord>[]) {
  return resources
    .map((resource) => ({
      ...resource,
      attributes: withoutKinds(resource.attributes),
      scopes: resource.scopes.map((scope) => ({
        ...scope,
        items: scope.items
          .map((record) => ({ ...record, attributes: withoutKinds(record.attributes) }))
          .sort((a, b) => Number(a.time - b.time)),
      })),
    }))
    .sort((a, b) => (JSON.stringify(a.attributes) < JSON.stringify(b.attributes) ? -1 : 1));
}
