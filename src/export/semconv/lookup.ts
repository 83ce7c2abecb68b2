/** Look-ups of names. */
import { hash } from 'node:crypto';
import type { LookupRecord } from '../../model.ts';
import { secondsBetween } from '../time.ts';
import { type Attribute, define, oneOf } from './attribute.ts';
import type { RecordAttributesOptions } from './record.ts';

/** Those that are events. */
export function hasFailed({ errorType }: LookupRecord): boolean {
  return errorType !== undefined;
}

const lookupErrors = ['nxdomain', 'servfail', 'refused', 'formerr', 'notimp', 'timeout', '_OTHER'] as const;

const UID_DIGITS = 32;

/**
 * The same look-up has the same uid, however often it is sent. One socket may ask for several types of a name at once, and
 * hosts count their sockets alike.
 */
function uidOf(lookup: LookupRecord): string {
  const { cookie, startTime, time, transport, questionType, questionName, peerAddress } = lookup;
  const parts = [cookie, startTime, time, transport, questionType, questionName, peerAddress];
  return hash('sha256', `sockflow/dns/${parts.join('/')}`, 'hex').slice(0, UID_DIGITS);
}

/** The attributes of a look-up of a name. */
export function createLookupAttributes({
  ownNetworkNamespace,
}: RecordAttributesOptions): readonly Attribute<LookupRecord>[] {
  return [
    define(
      'dns.question.name',
      'string',
      'Name that was asked for, in lower case',
      'look-up',
      (lookup: LookupRecord) => lookup.questionName,
    ),
    define(
      'sockflow.dns.question.type',
      'string',
      'Type that was asked for: A, AAAA …',
      'look-up',
      (lookup) => lookup.questionType,
    ),
    oneOf('error.type', lookupErrors, 'How the look-up failed', 'failed', (lookup) => lookup.errorType),
    define(
      'sockflow.dns.lookup.duration',
      'double',
      'Seconds until it was answered, or given up',
      'look-up',
      (lookup) => secondsBetween(lookup.startTime, lookup.time),
    ),
    oneOf('network.transport', ['tcp', 'udp'], 'Transport protocol', 'always', (lookup) => lookup.transport),
    define('network.type', 'string', 'Network protocol', 'always', (lookup) => lookup.networkType),
    define('network.peer.address', 'string', 'The server that was asked', 'always', (lookup) => lookup.peerAddress),
    define('network.peer.port', 'int', 'Its port', 'always', (lookup) => lookup.peerPort),
    define(
      'sockflow.network.namespace',
      'int',
      'Inode number of the network namespace',
      "not the agent's own",
      (lookup) => (lookup.networkNamespace === ownNetworkNamespace ? undefined : lookup.networkNamespace),
    ),
    define('log.record.uid', 'string', 'The same whenever this record is sent', 'always', uidOf),
  ];
}
