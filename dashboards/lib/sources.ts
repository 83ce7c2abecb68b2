/** Where the data is: each a variable of the dashboard, so that no name of a data source is written down here. */
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

export const sources = {
  prometheus: { type: 'prometheus', uid: chosen('prometheus') },
  logs: { type: 'victoriametrics-logs-datasource', uid: chosen('logs') },
  jaeger: { type: 'jaeger', uid: chosen('jaeger') },
} as const satisfies Record<string, DataSourceRef>;

export type SourceName = keyof typeof sources;

/** What the variable stands for. */
export function chosen(variable: string): string {
  return `\${${variable}}`;
}
