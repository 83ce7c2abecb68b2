/** The attributes of a log record. */
import type { ConnectionRecord } from '../../model.ts';
import type { Attribute } from './attribute.ts';
import { connection, counters, namespaceAttribute, uid } from './connection.ts';
import { endpoints, interfaceName } from './endpoints.ts';
import { clusterPeer, hostPeer, peer } from './peer.ts';
import { tcp } from './tcp.ts';

export interface RecordAttributesOptions {
  /** Inode number of the agent's network namespace: `sockflow.network.namespace` is left out for it. */
  readonly ownNetworkNamespace: number;
}

/** The attributes of a log record, in the order in which they are written. */
export function createRecordAttributes(options: RecordAttributesOptions): readonly Attribute<ConnectionRecord>[] {
  return [
    ...endpoints,
    interfaceName,
    ...peer,
    ...hostPeer,
    ...clusterPeer,
    ...connection,
    namespaceAttribute(options.ownNetworkNamespace),
    ...counters,
    ...tcp,
    uid,
  ];
}
