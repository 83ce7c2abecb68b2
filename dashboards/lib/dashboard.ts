/** What all dashboards have: a stable uid, links to each other, the same variables in the same order. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Panel,
  RowBuilder,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';

const TAG = 'sockflow';

/** Never changed: links and provisioning know dashboards by them. */
export const uids = {
  overview: 'sockflow-overview',
  flows: 'sockflow-flows',
  tcp: 'sockflow-tcp',
  agent: 'sockflow-agent',
} as const;

export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

export interface Description {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Builder<VariableModel>[];
  readonly rows: readonly Row[];
}

export function dashboard({ uid, title, description, variables, rows }: Description): DashboardBuilder {
  const builder = new DashboardBuilder(`sockflow / ${title}`)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('1m')
    .tooltip(DashboardCursorSync.Crosshair)
    .editable()
    .link(
      new DashboardLinkBuilder('sockflow')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .tooltip('The other dashboards, with the same choice')
        .keepTime(true)
        .includeVars(true),
    );
  for (const variable of variables) builder.withVariable(variable);
  let id = 0;
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id(++id));
    for (const panel of row.panels) builder.withPanel(numbered(panel, ++id));
  }
  return builder;
}

function numbered(panel: Builder<Panel>, id: number): Builder<Panel> {
  return { build: () => ({ ...panel.build(), id }) };
}

/** Where a dashboard is, narrowed to what a label or a cell says. */
export function linkTo(uid: string, variable: string, value: string): string {
  return `/d/${uid}?\${__url_time_range}&\${host:queryparam}&var-${variable}=\${${value}:percentencode}`;
}
