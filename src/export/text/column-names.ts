/** What `--columns` may name, in the order of the usual line; what is behind `details` is a part of it by itself. */
export const columnNames = [
  'time',
  'event',
  'process',
  'user',
  'parent',
  'container',
  'local',
  'direction',
  'peer',
  'details',
  'transport',
  'duration',
  'sent',
  'received',
  'handshake',
  'rtt',
  'min-rtt',
  'retransmits',
  'end',
  'error',
  'interface',
  'attribution',
  'id',
] as const;

export type ColumnName = (typeof columnNames)[number];
