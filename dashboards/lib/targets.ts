/** What panels ask, and whom. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { sources } from './sources.ts';

export type Target = Builder<Dataquery>;

/** A line for each series. `legend`: of its labels, as {{label}}. */
export function overTime(expression: string, legend: string, refId = 'A'): Target {
  return query(expression, refId).range().legendFormat(legend);
}

/** One number, or one for each series, of the end of the time that is shown. */
export function atTheEnd(expression: string, legend = '', refId = 'A'): Target {
  return query(expression, refId).instant().legendFormat(legend);
}

/** The same as a table: each label a column. */
export function rows(expression: string, refId = 'A'): Target {
  return query(expression, refId).instant().format(PromQueryFormat.Table);
}

function query(expression: string, refId: string) {
  // With $step as the least interval, $__rate_interval is four of it.
  return new DataqueryBuilder().datasource(sources.prometheus).expr(expression).interval('$step').refId(refId);
}

/** Of the plug-in for VictoriaLogs, which the SDK does not know. */
interface LogsQuery extends Dataquery {
  readonly datasource: typeof sources.logs;
  readonly refId: string;
  readonly queryType: 'instant' | 'stats';
  readonly expr: string;
  readonly maxLines?: number;
  readonly legendFormat?: string;
}

/** Records, the latest first. */
export const records = (expr: string, maxLines: number) => logs({ queryType: 'instant', expr, maxLines });
/** Numbers of a `stats` pipe, for all of the time that is shown. */
export const statistics = (expr: string, legendFormat: string) => logs({ queryType: 'stats', expr, legendFormat });

function logs(rest: Omit<LogsQuery, 'datasource' | 'refId' | '_implementsDataqueryVariant'>): Target {
  return built<LogsQuery>({ _implementsDataqueryVariant() {}, datasource: sources.logs, refId: 'A', ...rest });
}

interface JaegerQuery extends Dataquery {
  readonly datasource: typeof sources.jaeger;
  readonly refId: string;
  readonly queryType: 'dependencyGraph';
}

export const dependencyGraph: Target = built<JaegerQuery>({
  _implementsDataqueryVariant() {},
  datasource: sources.jaeger,
  refId: 'A',
  queryType: 'dependencyGraph',
});

function built<Query extends Dataquery>(query: Query): Target {
  return { build: () => query };
}
