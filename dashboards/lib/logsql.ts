/** LogsQL in pieces, for VictoriaLogs. Values of variables stand in backticks as in promql.ts, and for the same reason. */

const matches = (field: string, variable: string) => `${quoted(field)}:~\`^(\${${variable}:regex})$\``;
const quoted = (field: string) => `"${field}"`;

const variables = [
  matches('host.name', 'host'),
  matches('k8s.namespace.name', 'namespace'),
  matches('k8s.pod.name', 'pod'),
  matches('service.name', 'service'),
  matches('server.address', 'peer'),
].join(' ');

const ENDS = '"sockflow.connection.close","sockflow.connection.failed","sockflow.flow.close"';

/** The last record of each connection: its totals. */
export const ends = `${variables} event_name:in(${ENDS})`;
export const failures = `${variables} "error.type":*`;
/** A connection with both ends on watched hosts has a record of each; of its client's end there is one. */
export const clientEnds = `${ends} "sockflow.connection.role":=client`;

/** A new field of others, as <field>. */
export const format = (text: string, field: string) => `format "${text}" as ${field}`;

/** `calculated`: `sum(field) as name`. The `count` greatest of the first of them. */
export function greatest(count: number, by: string, name: string, calculated: string): string {
  return `stats by (${by}) ${calculated} as ${name} | sort by (${name}) desc limit ${count}`;
}

export const sumOf = (...fields: readonly string[]) => `sum(${fields.map(quoted).join(', ')})`;

/** As lines: `text` is what stands there, a click shows the attributes. They say all that the stream says. */
export const asLines = (text: string) => `${format(text, '_msg')} | delete _stream, _stream_id`;

export const pipe = (...parts: readonly string[]) => parts.join(' | ');
