/** How well TCP does: from the handshake to the end, and why not. */
import { dashboard, uids } from './lib/dashboard.ts';
import { asLines, failures, pipe } from './lib/logsql.ts';
import { labels, metrics } from './lib/names.ts';
import { bars, graph, lines, table } from './lib/panels.ts';
import { increase, is, isThere, ofConnections, ofHosts, quantile, rate, sum, top } from './lib/promql.ts';
import { atTheEnd, overTime, records, rows } from './lib/targets.ts';
import { ofConnections as connectionVariables, dataSource, host, step } from './lib/variables.ts';

const tcp = is(labels.transport, 'tcp');
const all = ofConnections(tcp);
const segments = ofConnections(tcp, is(labels.direction, 'transmit'));
const byService = [labels.service];
const legend = `{{${labels.service}}}`;
const error = `{{${labels.error}}}`;
const noTraffic = 'No TCP in this time, no agent sends metrics, or the choice above leaves none';

const quantiles = (metric: string) =>
  [0.5, 0.95, 0.99].map((share, index) =>
    overTime(quantile(share, metric, all), `${share * 100} %`, ['A', 'B', 'C'][index]),
  );
const slowest = (metric: string) => [overTime(top(10, quantile(0.95, metric, all, byService)), legend)];

const connecting = [
  graph({
    title: 'Handshake',
    description: 'From the SYN to the SYN-ACK, as the client sees it: half of all, 95 and 99 of a hundred were faster.',
    nothing: 'Nobody dialled in this time, or the choice above leaves nobody',
    unit: 's',
    width: 12,
    targets: quantiles(metrics.handshake),
  }),
  graph({
    title: 'Handshake, 95 %, by process',
    description: 'The ten processes whose peers answered slowest.',
    nothing: 'Nobody dialled in this time, or the choice above leaves nobody',
    unit: 's',
    width: 12,
    targets: slowest(metrics.handshake),
  }),
  graph({
    title: 'Failed attempts',
    description: 'A second, by reason (error.type): attempts that never became a connection.',
    nothing: 'No attempt failed in this time',
    unit: 'cps',
    stacked: true,
    width: 12,
    targets: [overTime(sum(rate(metrics.failed, all), [labels.error]), error)],
  }),
  table({
    title: 'Who failed to reach whom',
    description:
      'Failed attempts in the time shown, by process, name and port that was dialled, and reason: the 50 with most.',
    nothing: 'No attempt failed in this time',
    width: 12,
    targets: [
      rows(
        top(
          50,
          sum(increase(metrics.failed, all), [labels.service, labels.serverAddress, labels.serverPort, labels.error]),
        ),
      ),
    ],
    first: 'Attempts',
    columns: {
      [labels.service]: { title: 'Process' },
      [labels.serverAddress]: { title: 'Peer' },
      [labels.serverPort]: { title: 'Port' },
      [labels.error]: { title: 'Reason' },
      Value: { title: 'Attempts', unit: 'short' },
    },
  }),
  graph({
    title: 'Listeners without room',
    description:
      'SYNs and last ACKs a second that listeners dropped, mostly because their queue was full: the process accepts too slowly, or its backlog is too small.',
    nothing: 'No listener dropped anything in this time',
    unit: 'cps',
    width: 12,
    targets: [
      overTime(
        sum(rate(metrics.listenDrops, all), [labels.service, labels.serverPort]),
        `${legend} :{{${labels.serverPort}}}`,
      ),
    ],
  }),
  bars({
    title: 'Listeners without room, in all',
    description: 'The same, in the time shown.',
    nothing: 'No listener dropped anything in this time',
    unit: 'short',
    alarm: [1, 100],
    width: 12,
    targets: [
      atTheEnd(
        sum(increase(metrics.listenDrops, all), [labels.service, labels.serverPort]),
        `${legend} :{{${labels.serverPort}}}`,
      ),
    ],
  }),
];

const path = [
  graph({
    title: 'Round-trip time',
    description: 'Smoothed, as the kernel has it when a connection is reported: at its end and at each update.',
    nothing: noTraffic,
    unit: 's',
    width: 12,
    targets: quantiles(metrics.rtt),
  }),
  graph({
    title: 'Round-trip time, 95 %, by process',
    description: 'The ten processes that are furthest from their peers, or have the fullest queues before them.',
    nothing: noTraffic,
    unit: 's',
    width: 12,
    targets: slowest(metrics.rtt),
  }),
  graph({
    title: 'Share sent again',
    description: 'Of the segments that a process sent: the ten with most. Some per mille are usual on the Internet.',
    nothing: noTraffic,
    unit: 'percentunit',
    alarm: [0.01, 0.03],
    width: 12,
    targets: [
      overTime(
        top(
          10,
          `${sum(rate(metrics.retransmits, all), byService)} / (${sum(rate(metrics.packets, segments), byService)} > 0)`,
        ),
        legend,
      ),
    ],
  }),
  graph({
    title: 'Segments sent again',
    description: 'A second: the ten processes with most.',
    nothing: noTraffic,
    unit: 'cps',
    width: 12,
    targets: [overTime(top(10, sum(rate(metrics.retransmits, all), byService)), legend)],
  }),
];

const endings = [
  graph({
    title: 'Connections that broke',
    description:
      'Established connections a second that ended with an error, by its kind: reset, timed out, unreachable.',
    nothing: 'No connection broke in this time',
    unit: 'cps',
    stacked: true,
    width: 8,
    targets: [overTime(sum(rate(metrics.closed, ofConnections(tcp, isThere(labels.error))), [labels.error]), error)],
  }),
  graph({
    title: 'Resets',
    description:
      'RST segments a second, sent (transmit) and received, those that belong to no connection included. A refused attempt is one, too.',
    nothing: 'No reset in this time',
    unit: 'cps',
    width: 8,
    targets: [overTime(sum(rate(metrics.resets, all), [labels.direction]), `{{${labels.direction}}}`)],
  }),
  graph({
    title: 'How long connections lasted',
    description: 'From begin to end, of those that ended: half of all, 95 and 99 of a hundred were shorter.',
    nothing: noTraffic,
    unit: 's',
    width: 8,
    targets: quantiles(metrics.duration),
  }),
];

const lookups = [
  graph({
    title: 'Look-ups of names, 95 %',
    description: 'From the first question to the answer, of look-ups that succeeded, by host.',
    nothing: 'No name was looked up in this time',
    unit: 's',
    width: 12,
    targets: [
      overTime(quantile(0.95, metrics.lookup, ofHosts(is(labels.error, '')), [labels.host]), `{{${labels.host}}}`),
    ],
  }),
  graph({
    title: 'Look-ups that failed',
    description: 'A second, by the answer: nxdomain is a name that there is not, timeout a server that did not answer.',
    nothing: 'No look-up failed in this time',
    unit: 'cps',
    stacked: true,
    width: 12,
    targets: [overTime(sum(rate(`${metrics.lookup}_count`, ofHosts(isThere(labels.error))), [labels.error]), error)],
  }),
];

const line =
  '<service.name>[<process.pid>] <sockflow.connection.role> <network.peer.address>:<network.peer.port> <error.type> <sockflow.connection.close.reason>';

const failed = [
  lines({
    title: 'Latest failures',
    description: 'Records of what failed or was reset, each with all its attributes.',
    nothing: 'Nothing failed in this time, or no agent sends its records to this VictoriaLogs',
    width: 24,
    targets: [records(pipe(failures, asLines(line)), 200)],
  }),
];

export const tcpHealth = dashboard({
  uid: uids.tcp,
  title: 'TCP health',
  description: 'From the handshake to the end: how fast, what got lost, what failed and why.',
  variables: [dataSource('prometheus'), dataSource('logs'), host, ...connectionVariables, step],
  rows: [
    { title: 'Connecting', panels: connecting },
    { title: 'On the way', panels: path },
    { title: 'Ends', panels: endings },
    { title: 'Names', panels: lookups },
    { title: 'Failures, one by one (VictoriaLogs)', panels: failed },
  ],
});
