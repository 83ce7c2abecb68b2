/**
 * Flows as ntopng 4.0 to 5.2 wants them: JSON with one process, that of the end that tells, and counters since the
 * connection began. Which side the process is on is said by the event.
 */
import type { Process } from '../../model.ts';
import { type ContainerLabel, endpointFields, type Field, nameOf, parentNameOf, qualityFields } from './fields.ts';
import type { Flow } from './flow.ts';
import { containerOf, type JsonFlow, jsonEncoding, plain, readFields } from './json.ts';
import type { Encoding } from './message.ts';

/** These are totals to every ntopng, with a process or without. */
const totalFields: readonly Field[] = [
  { name: 'INITIATOR_OCTETS', kind: 'int', read: ({ client }) => client.total.bytes },
  { name: 'INITIATOR_PKTS', kind: 'int', read: ({ client }) => client.total.packets },
  { name: 'RESPONDER_OCTETS', kind: 'int', read: ({ server }) => server.total.bytes },
  { name: 'RESPONDER_PKTS', kind: 'int', read: ({ server }) => server.total.packets },
];

export function createLegacyEncoding(label: ContainerLabel): Encoding {
  const rest = [...endpointFields, ...totalFields, ...qualityFields];
  return jsonEncoding((flow) => ({ ...ofTeller(flow, label), ...readFields(rest, flow) }));
}

function ofTeller(flow: Flow, label: ContainerLabel): JsonFlow {
  const { process } = flow[flow.teller];
  // For UDP, too: it is the one word that puts a process on the server's side.
  const event = flow.teller === 'client' ? 'CONNECT' : 'ACCEPT';
  return {
    ...(process && { LOCAL_PROCESS: processOf(process), LOCAL_FATHER_PROCESS: parentOf(process) }),
    LOCAL_CONTAINER: containerOf(process, label),
    [flow.transport === 'tcp' ? 'TCP_EVENT_TYPE' : 'UDP_EVENT_TYPE']: event,
  };
}

function processOf(process: Process): JsonFlow {
  return {
    PID: process.pid,
    UID: process.userId,
    UID_NAME: plain(process.userName),
    GID: process.groupId,
    PROCESS_PATH: plain(nameOf(process)),
  };
}

function parentOf(process: Process): JsonFlow {
  return {
    PID: process.parentPid,
    UID: process.parentUserId,
    UID_NAME: plain(process.parentUserName),
    PROCESS_PATH: plain(parentNameOf(process)),
  };
}
