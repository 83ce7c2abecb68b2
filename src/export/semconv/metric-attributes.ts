/** The attributes that metrics may carry: those of records and resources that say who talks to whom. */
import type { ConnectionRecord } from '../../model.ts';
import type { Attribute } from './attribute.ts';
import { serverPort } from './event.ts';
import { metricAttributeKeys } from './metrics.ts';
import { createRecordAttributes, type RecordAttributesOptions } from './record.ts';
import { createResourceAttributes, resourceAttributes, type ShownLabels, serviceName } from './resource.ts';

export interface MetricAttribute {
  readonly key: string;
  /** Undefined: the series is without it. */
  readonly read: (record: ConnectionRecord) => string | number | boolean | undefined;
}

/** Few values each, so that a host has some hundred series. */
export const defaultMetricAttributes: readonly string[] = [
  metricAttributeKeys.transport,
  metricAttributeKeys.networkType,
  metricAttributeKeys.role,
  metricAttributeKeys.serverPort,
  metricAttributeKeys.serverAddress,
  metricAttributeKeys.service,
  metricAttributeKeys.namespace,
];

const ofRecords = new Set([
  'network.local.address',
  'network.peer.address',
  'network.interface.name',
  'network.protocol.name',
  'client.address',
  'sockflow.nat.original.address',
  'sockflow.connection.pre_existing',
  'sockflow.process.attribution',
  'sockflow.network.namespace',
]);
const peers = /^(sockflow\.peer\.(?!process\.pid)|network\.peer\.as\.|geo\.)/;

const isOfRecords = ({ key }: Attribute<ConnectionRecord>) => ofRecords.has(key) || peers.test(key);
/** A list is no value that series can be told apart by. */
const isSingle = ({ type }: { readonly type: string }) => type !== 'string[]';

/** Of a look-up alone; other metrics never have it. */
export const lookupAttributeKeys: readonly string[] = [metricAttributeKeys.questionName];

/** Every key that can be asked for; labels of containers and pods besides. */
export const metricAttributeNames: readonly string[] = [
  ...defaultMetricAttributes,
  ...createRecordAttributes({ ownNetworkNamespace: 0 })
    .filter(isOfRecords)
    .map(({ key }) => key),
  ...resourceAttributes
    .filter(isSingle)
    .map(({ key }) => key)
    .filter((key) => !defaultMetricAttributes.includes(key)),
  ...lookupAttributeKeys,
];

/** Of labels: which option shows them, and their key. */
const labels = /^(?:container\.(label)|k8s\.pod\.(label|annotation))\.(.+)$/;

/** The option and the label that an attribute needs; undefined when it is none of a label. */
export function readLabelKey(name: string): { option: keyof ShownLabels; label: string } | undefined {
  const [, ofContainer, ofPod, label] = labels.exec(name) ?? [];
  if (label === undefined) return undefined;
  if (ofContainer) return { option: 'containerLabels', label };
  return { option: ofPod === 'label' ? 'podLabels' : 'podAnnotations', label };
}

/** Those of connections, in the order of the table. A key that is in no table is left out. */
export function createMetricAttributes(
  keys: readonly string[],
  options: RecordAttributesOptions & ShownLabels,
): readonly MetricAttribute[] {
  const wanted = new Set(keys);
  const every: readonly MetricAttribute[] = [
    ...own,
    ...createRecordAttributes(options).filter(isOfRecords).map(ofRecord),
    ...createResourceAttributes(options).filter(isSingle).map(ofProcess),
  ];
  const found = every.filter(({ key }) => wanted.has(key));
  return found.filter(({ key }, index) => found.findIndex((other) => other.key === key) === index);
}

/** Read otherwise than in records: a name or nothing, no port where the role is unknown, never without a service. */
const own: readonly MetricAttribute[] = [
  { key: metricAttributeKeys.transport, read: ({ transport }) => transport },
  { key: metricAttributeKeys.networkType, read: ({ networkType }) => networkType },
  { key: metricAttributeKeys.role, read: ({ role }) => role },
  { key: metricAttributeKeys.serverPort, read: (record) => serverPort(record) || undefined },
  { key: metricAttributeKeys.serverAddress, read: ({ role, peerName }) => (role === 'client' ? peerName : undefined) },
  { key: metricAttributeKeys.service, read: ({ process }) => serviceName(process) },
];

type Read = MetricAttribute['read'];

function ofRecord({ key, read }: Attribute<ConnectionRecord>): MetricAttribute {
  return { key, read: read as Read };
}

function ofProcess({ key, read }: Attribute<NonNullable<ConnectionRecord['process']>>): MetricAttribute {
  return { key, read: (({ process }) => process && read(process)) as Read };
}
