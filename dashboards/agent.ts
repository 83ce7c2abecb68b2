/** How the agents are: do they see everything, does everything arrive, what do they cost. */
import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, uids } from './lib/dashboard.ts';
import { agent, labels } from './lib/names.ts';
import { bars, graph, number, states, table } from './lib/panels.ts';
import { increase, is, isThere, ofHosts, orZero, quantile, rate, sum } from './lib/promql.ts';
import { atTheEnd, overTime, rows } from './lib/targets.ts';
import { dataSource, host, step } from './lib/variables.ts';

const all = ofHosts();
const byHost = [labels.host];
const legend = `{{${labels.host}}}`;
const byExporter = [labels.host, labels.exporter];
const exporter = `${legend} {{${labels.exporter}}}`;
const reasons = [labels.host, labels.stage, labels.reason];
const kernel = ofHosts(is(labels.stage, 'kernel'));
const nothing = 'No agent sends metrics here, or the choice above leaves none';
const noLoss = 'Nothing was lost in this time';

/** opened − closed − live − lost, of every host: the books are balanced when it is 0. */
const difference = [
  sum(`${agent.opened}${all}`, byHost),
  sum(`${agent.closed}${all}`, byHost),
  sum(`${agent.live}${all}`, byHost),
  `(${orZero(sum(`${agent.lost}${kernel}`, byHost), sum(`${agent.live}${all}`, byHost))})`,
].join(' - ');

const glance = [
  number({
    title: 'Agents',
    description: 'Hosts whose agent has sent metrics in the last minutes.',
    nothing: 'No agents',
    unit: 'short',
    width: 4,
    targets: [atTheEnd(`count(${sum(`${agent.received}${all}`, byHost)})`)],
  }),
  number({
    title: 'Records lost',
    description: 'In the time shown, of records, spans and points of metrics: what will never be delivered.',
    nothing: 'No agents',
    unit: 'short',
    alarm: [1, 1],
    width: 5,
    targets: [atTheEnd(orZero(sum(increase(agent.lost, all)), sum(`${agent.received}${all}`)))],
  }),
  number({
    title: 'Books',
    description:
      'opened − closed − live − lost in the kernel, of all hosts since each agent began. It is 0; anything else is a fault in sockflow.',
    nothing: 'No agents',
    unit: 'short',
    alarm: [1, 1],
    width: 5,
    targets: [atTheEnd(`sum(abs(${difference}))`)],
  }),
  number({
    title: 'Waiting',
    description: 'Bytes that wait for a back end, in memory and on disk.',
    nothing: 'No agents',
    unit: 'bytes',
    alarm: [16_777_216, 67_108_864],
    width: 5,
    targets: [
      atTheEnd(
        `${sum(`${agent.queue}${all}`)} + (${orZero(sum(`${agent.spool}${all}`), sum(`${agent.queue}${all}`))})`,
      ),
    ],
  }),
  number({
    title: 'Busiest agent',
    description: 'CPU of one core that the agent took of late; what its programs take in the kernel is not in it.',
    nothing: 'No agents',
    unit: 'percentunit',
    alarm: [0.5, 0.9],
    width: 5,
    targets: [atTheEnd(`max(${sum(rate(agent.cpu, all), byHost)})`)],
  }),
];

const flow = [
  graph({
    title: 'Records from the kernel',
    description: 'A second: opened, updates, ends and whatever else was asked for.',
    nothing,
    unit: 'cps',
    width: 12,
    targets: [overTime(sum(rate(agent.received, all), byHost), legend)],
  }),
  graph({
    title: 'Records that back ends took',
    description: 'A second, by exporter.',
    nothing,
    unit: 'cps',
    width: 12,
    targets: [overTime(sum(rate(agent.sent, all), byExporter), exporter)],
  }),
  graph({
    title: 'Lost',
    description: 'A second, by where and why. docs/architecture.md says what helps against each.',
    nothing: noLoss,
    unit: 'cps',
    alarm: [0.001, 1],
    stacked: true,
    width: 12,
    targets: [overTime(sum(rate(agent.lost, all), reasons), `${legend} {{${labels.stage}}} {{${labels.reason}}}`)],
  }),
  table({
    title: 'Lost, in all',
    description: 'In the time shown. A record that is lost is in exactly one line.',
    nothing: noLoss,
    width: 12,
    targets: [rows(sum(increase(agent.lost, all), reasons))],
    first: 'Records',
    columns: {
      [labels.host]: { title: 'Host' },
      [labels.stage]: { title: 'Stage' },
      [labels.reason]: { title: 'Reason' },
      Value: { title: 'Records', unit: 'short' },
    },
  }),
];

const books = [
  table({
    title: 'Connections, as the kernel side counts them',
    description: 'Since each agent began: opened = closed + live + lost. TCP and UDP together.',
    nothing,
    width: 12,
    targets: [
      rows(sum(`${agent.opened}${all}`, byHost), 'opened'),
      rows(sum(`${agent.closed}${all}`, byHost), 'closed'),
      rows(sum(`${agent.live}${all}`, byHost), 'live'),
      rows(orZero(sum(`${agent.lost}${kernel}`, byHost), sum(`${agent.live}${all}`, byHost)), 'lost'),
      rows(difference, 'difference'),
    ],
    first: 'Opened',
    columns: {
      [labels.host]: { title: 'Host' },
      'Value #opened': { title: 'Opened', unit: 'short' },
      'Value #closed': { title: 'Closed', unit: 'short' },
      'Value #live': { title: 'Live', unit: 'short' },
      'Value #lost': { title: 'Lost', unit: 'short' },
      'Value #difference': { title: 'Difference', unit: 'short' },
    },
  }),
  graph({
    title: 'Live connections',
    description: 'That the kernel side follows, by transport; --max-connections is what there is room for.',
    nothing,
    unit: 'short',
    width: 12,
    targets: [
      overTime(sum(`${agent.live}${all}`, [labels.host, labels.transport]), `${legend} {{${labels.transport}}}`),
    ],
  }),
  graph({
    title: 'No room in the kernel, without a loss',
    description:
      'Messages a second that found no room, by what they were, and datagrams that were counted with their socket instead of their peer. Updates come again; without a process or a DNS message, names are missing.',
    nothing,
    unit: 'cps',
    width: 12,
    targets: [
      overTime(sum(rate(agent.dropped, all), [labels.host, labels.what]), `${legend} {{${labels.what}}}`),
      overTime(sum(rate(agent.folded, all), byHost), `${legend} datagrams`, 'B'),
    ],
  }),
  graph({
    title: 'Faults',
    description: 'A second: work that failed without a record being lost by it, by where and what.',
    nothing: 'No fault in this time',
    unit: 'cps',
    stacked: true,
    width: 12,
    targets: [
      overTime(
        sum(rate(agent.faults, all), [labels.host, labels.stage, labels.what]),
        `${legend} {{${labels.stage}}} {{${labels.what}}}`,
      ),
    ],
  }),
];

const delivery = [
  graph({
    title: 'Waiting in memory',
    description: 'Bytes, by exporter; --queue-size is the limit.',
    nothing,
    unit: 'bytes',
    width: 8,
    targets: [overTime(sum(`${agent.queue}${all}`, byExporter), exporter)],
  }),
  graph({
    title: 'Waiting on disk',
    description: 'Bytes in the spool; --spool-size is the limit.',
    nothing: 'No agent has a spool (--spool)',
    unit: 'bytes',
    width: 8,
    targets: [overTime(sum(`${agent.spool}${all}`, byExporter), exporter)],
  }),
  graph({
    title: 'Left by an earlier run',
    description: 'Records a second that were in the spool when the agent began, and have been delivered now.',
    nothing: 'No agent began with records in its spool',
    unit: 'cps',
    width: 8,
    targets: [overTime(sum(rate(agent.restored, all), byExporter), exporter)],
  }),
  graph({
    title: 'Requests, 95 %',
    description: 'How long back ends took to answer, by exporter.',
    nothing,
    unit: 's',
    alarm: [1, 10],
    width: 8,
    targets: [overTime(quantile(0.95, agent.exportDuration, all, byExporter), exporter)],
  }),
  graph({
    title: 'Requests that were not accepted',
    description: 'A second, by exporter and reason (error.type): no answer, or one that said no.',
    nothing: 'All requests were accepted',
    unit: 'reqps',
    stacked: true,
    width: 8,
    targets: [
      overTime(
        sum(rate(`${agent.exportDuration}_count`, ofHosts(isThere(labels.error))), [...byExporter, labels.error]),
        `${exporter} {{${labels.error}}}`,
      ),
    ],
  }),
  graph({
    title: 'Tried again',
    description:
      'Requests a second that were made again, and connections that were replaced because nothing passed on them.',
    nothing,
    unit: 'cps',
    width: 8,
    targets: [
      overTime(sum(rate(agent.exportRetries, all), byExporter), `${exporter} requests`),
      overTime(sum(rate(agent.exportRenewals, all), byExporter), `${exporter} connections`, 'B'),
    ],
  }),
];

const cost = [
  graph({
    title: 'CPU',
    description: 'Of one core, user and system; what its programs take in the kernel is not in it.',
    nothing,
    unit: 'percentunit',
    alarm: [0.5, 0.9],
    width: 8,
    targets: [overTime(sum(rate(agent.cpu, all), [labels.host, labels.cpuMode]), `${legend} {{${labels.cpuMode}}}`)],
  }),
  graph({
    title: 'Memory',
    description: 'Resident set of the agent.',
    nothing,
    unit: 'bytes',
    width: 8,
    targets: [overTime(sum(`${agent.memory}${all}`, byHost), legend)],
  }),
  graph({
    title: 'Event loop, 99 %',
    description: 'How late it was: so long records wait in the agent.',
    nothing,
    unit: 's',
    alarm: [0.1, 0.5],
    width: 8,
    targets: [overTime(quantile(0.99, agent.eventLoopDelay, all, byHost), legend)],
  }),
];

const sight = [
  states({
    title: 'What agents can see',
    description:
      'Green: it is there and in use. Grey: this kernel or host does not have it, or nobody asked for it; `sockflow check` on the host says what is lost by that, and how to get it.',
    nothing,
    width: 16,
    targets: [
      overTime(
        `min by (${labels.host}, ${labels.capability}) (${agent.capability}${all})`,
        `${legend} {{${labels.capability}}}`,
      ),
    ],
  }).mappings([
    {
      type: MappingType.ValueToText,
      options: { 0: { text: 'not there', color: 'text', index: 0 }, 1: { text: 'in use', color: 'green', index: 1 } },
    },
  ]),
  bars({
    title: 'Names of containers',
    description:
      'Containers in the time shown by how their name came: hit (known beforehand), found, miss (nobody knows it), error. And records that went without one because it came too late.',
    nothing: 'No container was seen in this time',
    unit: 'short',
    width: 8,
    targets: [
      atTheEnd(sum(increase(agent.lookups, all), [labels.lookupResult]), `{{${labels.lookupResult}}}`),
      atTheEnd(sum(increase(agent.late, all)), 'records without it', 'B'),
    ],
  }).height(12),
];

export const agentHealth = dashboard({
  uid: uids.agent,
  title: 'Agents',
  description: 'Whether the agents see everything, whether everything arrives, and what they cost.',
  variables: [dataSource('prometheus'), host, step],
  rows: [
    { title: 'At a glance', panels: glance },
    { title: 'Records', panels: flow },
    { title: 'Books', panels: books },
    { title: 'Delivery', panels: delivery },
    { title: 'Cost', panels: cost },
    { title: 'Sight', panels: sight },
  ],
});
