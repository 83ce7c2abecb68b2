/** What a dashboard lets one choose. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { agent, labels, metrics } from './names.ts';
import { before } from './promql.ts';
import { type SourceName, sources } from './sources.ts';

type Variable = Builder<VariableModel>;

const titles: Readonly<Record<SourceName, string>> = {
  prometheus: 'Metrics',
  logs: 'Records',
  jaeger: 'Traces',
};

export function dataSource(name: SourceName): Variable {
  return new DatasourceVariableBuilder(name).label(titles[name]).type(sources[name].type);
}

const all = { selected: true, text: ['All'], value: ['$__all'] };

/** Of the values of a label. One with a backtick could end the string that a query has it in: it is left out. */
function choice(name: keyof typeof before, title: string, description: string, metric: string, label: string) {
  const query = `label_values(${metric}${before[name]}, ${label})`;
  return new QueryVariableBuilder(name)
    .label(title)
    .description(description)
    .datasource(sources.prometheus)
    .query(query)
    .definition(query)
    .regex('/^[^`]+$/')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allowCustomValue(false)
    .allValue('.*')
    .current(all);
}

export const host = choice('host', 'Host', 'Where an agent runs (host.name)', agent.received, labels.host);

export const ofConnections: readonly Variable[] = [
  choice('namespace', 'Namespace', 'Kubernetes namespace of the process', metrics.opened, labels.namespace),
  choice('pod', 'Pod', 'Needs --metric-attributes +k8s.pod.name', metrics.opened, labels.pod),
  choice('service', 'Process', 'service.name: of a pod its workload, else the program', metrics.opened, labels.service),
  choice('peer', 'Peer', 'The name that was looked up and dialled', metrics.opened, labels.serverAddress),
];

const steps = ['15s', '30s', '1m', '5m'];

/** Rates need a few values each, so they must know how often there is one. */
export const step: Variable = new CustomVariableBuilder('step')
  .label('Metric interval')
  .description("The agents' --metric-interval, or a multiple of it")
  .values(steps.join(','))
  .options(steps.map((value) => ({ selected: value === '1m', text: value, value })))
  .current({ selected: true, text: '1m', value: '1m' });

export const jaegerPage: Variable = new TextBoxVariableBuilder('jaeger_page')
  .label("Jaeger's page")
  .description('For the link to its dependency graph')
  .defaultValue('http://localhost:16686');
