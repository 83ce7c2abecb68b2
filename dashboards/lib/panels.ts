/** Panels of few kinds, so that those of a kind look and behave the same. */
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableFooterOptionsBuilder,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DashboardLink,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Logs } from '@grafana/grafana-foundation-sdk/logs';
import { PanelBuilder as NodeGraph } from '@grafana/grafana-foundation-sdk/nodegraph';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Target } from './targets.ts';

/** What every panel says. */
export interface Panel {
  readonly title: string;
  /** What the numbers are, for somebody who sees them for the first time. */
  readonly description: string;
  /** Stands there instead of data: why there may be none. */
  readonly nothing: string;
  readonly targets: readonly Target[];
  /** Columns of 24. */
  readonly width: number;
}

interface Numbers extends Panel {
  /** As Grafana calls it. */
  readonly unit: string;
  /** From which value on it is orange, and red. */
  readonly alarm?: readonly [orange: number, red: number];
  readonly links?: readonly Builder<DashboardLink>[];
}

/** One big number. */
export function number(panel: Numbers): Stat {
  return withNumbers(new Stat(), panel)
    .height(4)
    .graphMode(BigValueGraphMode.None)
    .colorMode(panel.alarm ? BigValueColorMode.Value : BigValueColorMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

/** A cell without a value, such as a mean of nothing, is no place for the sentence that stands in an empty panel. */
const NOT_THERE = { id: 'noValue', value: '–' };
const ANY = '/.*/';

/** Lines over time. */
export function graph(panel: Numbers & { readonly stacked?: boolean }): TimeSeries {
  const lines = withNumbers(new TimeSeries(), panel)
    .height(8)
    .overrideByRegexp(ANY, [NOT_THERE])
    .min(0)
    .drawStyle(GraphDrawStyle.Line)
    .showPoints(VisibilityMode.Auto)
    .fillOpacity(panel.stacked ? 30 : 5)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['mean', 'max'])
        .sortBy('Max')
        .sortDesc(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (panel.alarm) lines.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  return panel.stacked ? lines.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)) : lines;
}

/** A bar for each series. */
export function bars(panel: Numbers): BarGauge {
  return withNumbers(new BarGauge(), panel)
    .height(8)
    .min(0)
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

export interface Column {
  readonly title: string;
  readonly unit?: string;
  readonly link?: { readonly title: string; readonly url: string };
}

interface Columns extends Panel {
  /** Of the fields that are shown, in their order; the values of a target are `Value #` and its refId. */
  readonly columns: Readonly<Record<string, Column>>;
  /** The title of the column whose greatest values come first. */
  readonly first: string;
}

export function table(panel: Columns): Table {
  const fields = Object.entries(panel.columns);
  const result = withText(new Table(), panel)
    .height(8)
    .overrideByRegexp(ANY, [NOT_THERE])
    .sortBy([new TableSortByFieldStateBuilder().displayName(panel.first).desc(true)])
    .footer(new TableFooterOptionsBuilder().show(false))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(fields.map(([field], index) => [field, index])),
        renameByName: Object.fromEntries(fields.map(([field, { title }]) => [field, title])),
      },
    });
  for (const { title, unit, link } of Object.values(panel.columns)) {
    const properties = [
      ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
      ...(link === undefined ? [] : [{ id: 'links', value: [link] }]),
    ];
    if (properties.length > 0) result.overrideByName(title, properties);
  }
  return result;
}

/** On or off over time. */
export function states(panel: Panel): StateTimeline {
  return withText(new StateTimeline(), panel).height(12).showValue(VisibilityMode.Never).mergeValues(true);
}

export function graphOfNodes(panel: Panel): NodeGraph {
  return withText(new NodeGraph(), panel).height(14);
}

export function lines(panel: Panel): Logs {
  return withText(new Logs(), panel).height(10).showTime(true).wrapLogMessage(true).enableLogDetails(true);
}

interface TextBuilder {
  title(text: string): this;
  description(text: string): this;
  noValue(text: string): this;
  span(columns: number): this;
  withTarget(target: Target): this;
}

interface NumberBuilder extends TextBuilder {
  unit(unit: string): this;
  thresholds(thresholds: ThresholdsConfigBuilder): this;
  dataLinks(links: Builder<DashboardLink>[]): this;
}

function withText<Kind extends TextBuilder>(builder: Kind, panel: Panel): Kind {
  const { title, description, nothing, width, targets } = panel;
  builder.title(title).description(description).noValue(nothing).span(width);
  for (const target of targets) builder.withTarget(target);
  return builder;
}

function withNumbers<Kind extends NumberBuilder>(builder: Kind, panel: Numbers): Kind {
  withText(builder, panel).unit(panel.unit).thresholds(thresholds(panel.alarm));
  if (panel.links) builder.dataLinks([...panel.links]);
  return builder;
}

function thresholds(alarm: Numbers['alarm']): ThresholdsConfigBuilder {
  const steps: Threshold[] = [{ value: null, color: alarm ? 'green' : 'blue' }];
  if (alarm) steps.push({ value: alarm[0], color: 'orange' }, { value: alarm[1], color: 'red' });
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
