/** How the hosts are, at a glance: how much is said, by whom, and whether something is wrong. */
import { dashboard, linkTo, uids } from './lib/dashboard.ts';
import { agent, labels, metrics } from './lib/names.ts';
import { bars, graph, number, table } from './lib/panels.ts';
import { increase, is, ofConnections, ofHosts, orZero, quantile, rate, sum, top } from './lib/promql.ts';
import { atTheEnd, overTime, rows } from './lib/targets.ts';
import { ofConnections as connectionVariables, dataSource, host, step } from './lib/variables.ts';

const all = ofConnections();
const sent = ofConnections(is(labels.direction, 'transmit'));
const received = ofConnections(is(labels.direction, 'receive'));
const segments = ofConnections(is(labels.direction, 'transmit'), is(labels.transport, 'tcp'));
const byService = [labels.service];
const legend = `{{${labels.service}}}`;
const toTcp = { title: 'TCP of this process', url: linkTo(uids.tcp, 'service', '__data.fields.Process') };

const opened = sum(increase(metrics.opened, all));
const few = 'No connections';
const nothing = 'No connection was counted: no agent sends metrics, or the choice above leaves none';

const now = [
  number({
    title: 'Live connections',
    description: 'Ends of connections that are open now. A connection between two watched processes has two ends.',
    nothing: few,
    unit: 'short',
    width: 4,
    targets: [atTheEnd(sum(`${metrics.count}${all}`))],
  }),
  number({
    title: 'Connections begun',
    description: 'In the time shown: dialled, accepted and attempts that failed, of TCP and UDP.',
    nothing: few,
    unit: 'short',
    width: 4,
    targets: [atTheEnd(opened)],
  }),
  number({
    title: 'Failed',
    description: 'Share of the connections begun in the time shown that never came about.',
    nothing: few,
    unit: 'percentunit',
    alarm: [0.01, 0.05],
    width: 4,
    targets: [atTheEnd(`(${orZero(sum(increase(metrics.failed, all)), opened)}) / (${opened} > 0)`)],
  }),
  number({
    title: 'Sent again',
    description: 'Share of the TCP segments of the time shown that had to be sent again: packets get lost on the way.',
    nothing: 'No segments',
    unit: 'percentunit',
    alarm: [0.01, 0.03],
    width: 4,
    targets: [
      atTheEnd(`${sum(increase(metrics.retransmits, all))} / (${sum(increase(metrics.packets, segments))} > 0)`),
    ],
  }),
  number({
    title: 'Handshake, 95 %',
    description: 'Of a hundred connections that were dialled of late, 95 were answered in this time or less.',
    nothing: 'No handshakes',
    unit: 's',
    alarm: [0.25, 1],
    width: 4,
    targets: [atTheEnd(quantile(0.95, metrics.handshake, all))],
  }),
  number({
    title: 'Records lost',
    description:
      'What the agents could not see or could not deliver in the time shown. All other numbers are complete while this is 0; the dashboard of the agents says why it is not.',
    nothing: 'No agents',
    unit: 'short',
    alarm: [1, 1],
    width: 4,
    targets: [atTheEnd(orZero(sum(increase(agent.lost, ofHosts())), sum(`${agent.received}${ofHosts()}`)))],
  }),
];

const traffic = [
  graph({
    title: 'Sent',
    description: 'Payload a second that left processes, without headers and retransmissions: the ten that sent most.',
    nothing,
    unit: 'Bps',
    width: 12,
    targets: [overTime(top(10, sum(rate(metrics.io, sent), byService)), legend)],
  }),
  graph({
    title: 'Received',
    description: 'Payload a second that came to processes: the ten that received most.',
    nothing,
    unit: 'Bps',
    width: 12,
    targets: [overTime(top(10, sum(rate(metrics.io, received), byService)), legend)],
  }),
  graph({
    title: 'Connections begun, by process',
    description: 'A second, dialled and accepted, TCP and UDP: the ten processes with most.',
    nothing,
    unit: 'cps',
    width: 12,
    targets: [overTime(top(10, sum(rate(metrics.opened, all), byService)), legend)],
  }),
  graph({
    title: 'Live connections, by process',
    description: 'Ends of connections that are open: the ten processes with most. What only grows is a leak.',
    nothing,
    unit: 'short',
    width: 12,
    targets: [overTime(top(10, sum(`${metrics.count}${all}`, byService)), legend)],
  }),
];

const processes = [
  table({
    title: 'Processes',
    description: 'What each did in the time shown. A click on a process leads to its TCP.',
    nothing,
    width: 16,
    targets: [
      rows(sum(increase(metrics.opened, all), byService), 'begun'),
      rows(sum(increase(metrics.failed, all), byService), 'failed'),
      rows(sum(increase(metrics.io, sent), byService), 'sent'),
      rows(sum(increase(metrics.io, received), byService), 'received'),
      rows(sum(increase(metrics.retransmits, all), byService), 'again'),
      rows(quantile(0.95, metrics.rtt, all, byService), 'rtt'),
    ],
    first: 'Begun',
    columns: {
      [labels.service]: { title: 'Process', link: toTcp },
      'Value #begun': { title: 'Begun', unit: 'short' },
      'Value #failed': { title: 'Failed', unit: 'short' },
      'Value #sent': { title: 'Sent', unit: 'bytes' },
      'Value #received': { title: 'Received', unit: 'bytes' },
      'Value #again': { title: 'Segments sent again', unit: 'short' },
      'Value #rtt': { title: 'RTT, 95 %', unit: 's' },
    },
  }),
  bars({
    title: 'Why attempts failed',
    description: 'Attempts that never became a connection in the time shown, by error.type.',
    nothing: 'No attempt failed in this time',
    unit: 'short',
    width: 8,
    targets: [atTheEnd(sum(increase(metrics.failed, all), [labels.error]), `{{${labels.error}}}`)],
  }),
];

export const overview = dashboard({
  uid: uids.overview,
  title: 'Overview',
  description: 'Who talks how much, and whether something is wrong, on all hosts with an agent.',
  variables: [dataSource('prometheus'), host, ...connectionVariables, step],
  rows: [
    { title: 'At a glance', panels: now },
    { title: 'Traffic', panels: traffic },
    { title: 'Processes', panels: processes },
  ],
});
