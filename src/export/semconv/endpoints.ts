/** Which two addresses a record is about, and how its packets went. */
import type { ConnectionRecord } from '../../model.ts';
import { type Attribute, define, filled, oneOf, portOf } from './attribute.ts';
import { dialled } from './event.ts';

const isClient = (record: ConnectionRecord) => record.role === 'client';
const isServer = (record: ConnectionRecord) => record.role === 'server';
const isUnknown = (record: ConnectionRecord) => record.role === 'unknown';

const ROLE_KNOWN = 'role is client or server';
const ROLE_UNKNOWN = 'role is unknown';

const TRANSLATED = 'the address is translated in the network namespace of the socket';
const PEER =
  'always, but for UDP peers that the table had no room for, in one record, what a listener dropped, and many resets of many peers';

export const endpoints: readonly Attribute<ConnectionRecord>[] = [
  oneOf('network.transport', ['tcp', 'udp'], 'Transport protocol', 'always', (record) => record.transport),
  oneOf('network.type', ['ipv4', 'ipv6'], 'Network protocol', 'always', (record) => record.networkType),
  define(
    'network.local.address',
    'string',
    'IP address of this end',
    'not when a SYN was never sent, nor for many resets from many addresses',
    (record) => filled(record.localAddress),
  ),
  define('network.local.port', 'int', 'Port of this end', 'bound', (record) => portOf(record.localPort)),
  define('network.peer.address', 'string', 'IP address of the other end', PEER, (record) => filled(record.peerAddress)),
  define('network.peer.port', 'int', 'Port of the other end', PEER, (record) => portOf(record.peerPort)),
  oneOf(
    'network.protocol.name',
    ['quic'],
    'Protocol above, recognised by what was said',
    'recognised',
    (record) => record.protocolName,
  ),
  define('client.address', 'string', 'Address of the end that began', ROLE_KNOWN, (record) =>
    isClient(record) ? filled(record.localAddress) : isServer(record) ? filled(record.peerAddress) : undefined,
  ),
  define('client.port', 'int', 'Port of the end that began', ROLE_KNOWN, (record) =>
    isClient(record) ? portOf(record.localPort) : isServer(record) ? portOf(record.peerPort) : undefined,
  ),
  define(
    'server.address',
    'string',
    'Address of the end that accepted; the name when it was looked up',
    ROLE_KNOWN,
    (record) => {
      if (isClient(record)) return record.peerName ?? dialled(record).address;
      return isServer(record) ? filled(record.localAddress) : undefined;
    },
  ),
  define('server.port', 'int', 'Port of the end that accepted', ROLE_KNOWN, (record) =>
    isClient(record) ? dialled(record).port : isServer(record) ? record.localPort : undefined,
  ),
  define('source.address', 'string', 'Address of this end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? filled(record.localAddress) : undefined,
  ),
  define('source.port', 'int', 'Port of this end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? portOf(record.localPort) : undefined,
  ),
  define('destination.address', 'string', 'Address of the other end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? filled(record.peerAddress) : undefined,
  ),
  define('destination.port', 'int', 'Port of the other end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? portOf(record.peerPort) : undefined,
  ),
  define(
    'sockflow.nat.original.address',
    'string',
    'What this end takes for the address of its peer: for a client, what was dialled',
    TRANSLATED,
    (record) => record.natOriginal?.address,
  ),
  define('sockflow.nat.original.port', 'int', 'The port to it', TRANSLATED, (record) => record.natOriginal?.port),
];

export const interfaceName = define(
  'network.interface.name',
  'string',
  'Network interface of its packets, as its network namespace calls it',
  'there was a route, and the interface is still there',
  (record: ConnectionRecord) => record.interfaceName,
);
