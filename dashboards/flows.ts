/** Who talks to whom: by metrics, by the records of each connection, and by traces. */

import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';
import { EdgeOptionsBuilder } from '@grafana/grafana-foundation-sdk/nodegraph';
import { dashboard, linkTo, uids } from './lib/dashboard.ts';
import { asLines, clientEnds, ends, format, greatest, pipe, sumOf } from './lib/logsql.ts';
import { labels, metrics } from './lib/names.ts';
import { bars, graph, graphOfNodes, lines, table } from './lib/panels.ts';
import { increase, is, ofConnections, rate, sum, top } from './lib/promql.ts';
import { chosen } from './lib/sources.ts';
import { dependencyGraph, overTime, records, rows, statistics } from './lib/targets.ts';
import { ofConnections as connectionVariables, dataSource, host, jaegerPage, step } from './lib/variables.ts';

const client = is(labels.role, 'client');
const dialled = ofConnections(client);
const bySent = ofConnections(client, is(labels.direction, 'transmit'));
const byReceived = ofConnections(client, is(labels.direction, 'receive'));
const pair = [labels.service, labels.serverAddress, labels.serverPort];
const NO_NAME = 'no name';

/** As a table of edges: `source`, `target` and `id` are what Grafana looks for. */
function edges(expression: string): string {
  const named = `label_replace(${expression}, "${labels.serverAddress}", "${NO_NAME}", "${labels.serverAddress}", "")`;
  const from = `label_join(${named}, "source", "", "${labels.service}")`;
  const to = `label_join(${from}, "target", ":", "${labels.serverAddress}", "${labels.serverPort}")`;
  return `label_join(${to}, "id", " → ", "source", "target")`;
}

const nothing = 'Nobody dialled in this time, no agent sends metrics, or the choice above leaves none';
const noRecords = 'No connection ended in this time, or no agent sends its records to this VictoriaLogs';
const toTcp = { title: 'TCP of this process', url: linkTo(uids.tcp, 'service', '__data.fields.Process') };

const graphs = [
  graphOfNodes({
    title: 'Who dials whom',
    description: `From processes to the names and ports that they dial, with bytes a second both ways: the hundred pairs with most. What nobody looked up is "${NO_NAME}".`,
    nothing,
    width: 12,
    targets: [rows(edges(top(100, sum(rate(metrics.io, dialled), pair))), 'edges')],
  })
    .edges(new EdgeOptionsBuilder().mainStatUnit('Bps'))
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true, ...Object.fromEntries(pair.map((label) => [label, true])) },
        indexByName: {},
        renameByName: { Value: 'mainstat' },
      },
    }),
  graphOfNodes({
    title: 'Services, by traces',
    description: 'Which service calls which, as Jaeger has it of the spans of both ends of each connection.',
    nothing: 'No spans: agents send them with --traces, to the Jaeger that is chosen above',
    width: 12,
    targets: [dependencyGraph],
  }).links([
    new DashboardLinkBuilder("Jaeger's own graph")
      .type(DashboardLinkType.Link)
      .url(`${chosen('jaeger_page')}/dependencies`)
      .targetBlank(true),
  ]),
];

const byMetrics = [
  table({
    title: 'Pairs',
    description: 'What was dialled in the time shown, by process, name and port; a name is one that was looked up.',
    nothing,
    width: 24,
    targets: [
      rows(sum(increase(metrics.opened, dialled), [...pair, labels.transport]), 'begun'),
      rows(sum(increase(metrics.failed, dialled), [...pair, labels.transport]), 'failed'),
      rows(sum(increase(metrics.io, bySent), [...pair, labels.transport]), 'sent'),
      rows(sum(increase(metrics.io, byReceived), [...pair, labels.transport]), 'received'),
    ],
    first: 'Sent',
    columns: {
      [labels.service]: { title: 'Process', link: toTcp },
      [labels.serverAddress]: { title: 'Peer' },
      [labels.serverPort]: { title: 'Port' },
      [labels.transport]: { title: 'Transport' },
      'Value #begun': { title: 'Begun', unit: 'short' },
      'Value #failed': { title: 'Failed', unit: 'short' },
      'Value #sent': { title: 'Sent', unit: 'bytes' },
      'Value #received': { title: 'Received', unit: 'bytes' },
    },
  }),
  graph({
    title: 'Bytes by peer',
    description: 'Payload a second, both ways, by the name and port that was dialled: the ten with most.',
    nothing,
    unit: 'Bps',
    width: 12,
    targets: [
      overTime(
        top(10, sum(rate(metrics.io, dialled), [labels.serverAddress, labels.serverPort])),
        `{{${labels.serverAddress}}}:{{${labels.serverPort}}}`,
      ),
    ],
  }),
  graph({
    title: 'Bytes by port that is served',
    description:
      'Payload a second, both ways, of connections that were accepted, by process and port: the ten with most.',
    nothing: 'Nobody accepted in this time, no agent sends metrics, or the choice above leaves none',
    unit: 'Bps',
    width: 12,
    targets: [
      overTime(
        top(10, sum(rate(metrics.io, ofConnections(is(labels.role, 'server'))), [labels.service, labels.serverPort])),
        `{{${labels.service}}} :{{${labels.serverPort}}}`,
      ),
    ],
  }),
];

const flow = format('<service.name> → <server.address>:<server.port>', 'flow');
const processes = format('<service.name> → <sockflow.peer.process.executable.name>', 'flow');
const both = sumOf('sockflow.connection.sent.bytes', 'sockflow.connection.received.bytes');
const line =
  '<service.name>[<process.pid>] <sockflow.connection.role> <network.peer.address>:<network.peer.port> <sockflow.connection.close.reason> <error.type>';

const byRecords = [
  bars({
    title: 'Most bytes',
    description:
      'Payload both ways of connections that ended in the time shown, by who dialled whom: exact, of the records.',
    nothing: noRecords,
    unit: 'bytes',
    width: 8,
    targets: [statistics(pipe(clientEnds, flow, greatest(20, 'flow', 'bytes', both)), '{{flow}}')],
  }),
  bars({
    title: 'Most connections',
    description: 'Connections that ended in the time shown, failed ones too, by who dialled whom.',
    nothing: noRecords,
    unit: 'short',
    width: 8,
    targets: [statistics(pipe(clientEnds, flow, greatest(20, 'flow', 'connections', 'count()')), '{{flow}}')],
  }),
  bars({
    title: 'Inside of hosts',
    description: 'Payload both ways between processes of the same host, by their programs.',
    nothing: 'No connection with both ends on one host ended in this time',
    unit: 'bytes',
    width: 8,
    targets: [
      statistics(
        pipe(`${clientEnds} "sockflow.peer.process.executable.name":*`, processes, greatest(20, 'flow', 'bytes', both)),
        '{{flow}}',
      ),
    ],
  }),
  lines({
    title: 'Ends of connections',
    description: 'The latest records; each opens to all its attributes.',
    nothing: noRecords,
    width: 24,
    targets: [records(pipe(ends, asLines(line)), 200)],
  }),
];

export const flows = dashboard({
  uid: uids.flows,
  title: 'Flows',
  description: 'Who talks to whom.',
  variables: [
    dataSource('prometheus'),
    dataSource('logs'),
    dataSource('jaeger'),
    host,
    ...connectionVariables,
    step,
    jaegerPage,
  ],
  rows: [
    { title: 'Maps', panels: graphs },
    { title: 'By metrics', panels: byMetrics },
    { title: 'By records (VictoriaLogs)', panels: byRecords },
  ],
});
