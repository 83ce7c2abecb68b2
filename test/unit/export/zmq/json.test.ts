import test from 'ava';
import { type Flow, toFlow } from '../../../../src/export/zmq/flow.ts';
import { createJsonEncoding } from '../../../../src/export/zmq/json.ts';
import { createLegacyEncoding } from '../../../../src/export/zmq/legacy.ts';
import type { ConnectionRecord } from '../../../../src/model.ts';
import { makeProcess, makeRecord, makeVariedRecords } from '../../../support/otlp-records.ts';

const deltas = { sentBytes: 10, receivedBytes: 200, sentPackets: 3, receivedPackets: 40 };
const pod = { uid: 'u', details: { name: 'web-5d9f', namespace: 'prod' } };
const container = { id: 'ab'.repeat(32), runtime: 'cri-o', details: { runtime: 'cri-o', podContainerName: 'web' } };
const docker = { id: 'cd'.repeat(32), runtime: 'docker', details: { runtime: 'docker', name: 'db' } };
const web = makeProcess(1, { pod, container });
const database = makeProcess(2, { container: docker });

function flowOf(changes: Partial<ConnectionRecord> = {}, retransmits = 0): Flow {
  return toFlow(makeRecord(0, { event: 'update', deltas, process: web, ...changes }), retransmits);
}

// biome-ignore lint/suspicious/noExplicitAny: it is what a reader of JSON gets.
function write(encoding: ReturnType<typeof createJsonEncoding>, flow: Flow): { text: string; read: any } {
  const target = Buffer.alloc(10_000);
  const text = target.subarray(0, encoding.write(flow, target, 0)).toString();
  return { text, read: JSON.parse(text) };
}

const json = (flow: Flow) => write(createJsonEncoding('id'), flow);
const legacy = (flow: Flow) => write(createLegacyEncoding('id'), flow);

const endpoints = {
  IP_PROTOCOL_VERSION: 4,
  IPV4_SRC_ADDR: '192.168.17.23',
  IPV4_DST_ADDR: '10.96.0.114',
  L4_SRC_PORT: 32768,
  L4_DST_PORT: 5432,
  PROTOCOL: 6,
  FIRST_SWITCHED: 1_795_560_264,
  LAST_SWITCHED: 1_795_560_264,
};

test('json: everything at its place, the pod in fields of its own', (t) => {
  const { read } = json(flowOf({ peerProcess: database }, 2));
  t.deepEqual(read, {
    SRC_PROC_NAME: '/usr/bin/worker1',
    SRC_PROC_PID: 1001,
    SRC_PROC_UID: 33,
    SRC_PROC_USER_NAME: 'www-data',
    SRC_FATHER_PROC_PID: 1,
    SRC_FATHER_PROC_NAME: '/usr/lib/systemd/systemd',
    SRC_FATHER_PROC_UID: 0,
    SRC_FATHER_PROC_USER_NAME: 'root',
    DST_PROC_NAME: '/usr/bin/worker2',
    DST_PROC_PID: 1002,
    DST_PROC_UID: 33,
    DST_PROC_USER_NAME: 'www-data',
    DST_FATHER_PROC_PID: 1,
    DST_FATHER_PROC_NAME: '/usr/lib/systemd/systemd',
    DST_FATHER_PROC_UID: 0,
    DST_FATHER_PROC_USER_NAME: 'root',
    DST_PROC_CONTAINER_ID: 'cdcdcdcdcdcd',
    DST_CONTAINER_NAME: 'db',
    LOCAL_CONTAINER: { ID: 'abababababab', K8S: { ID: 'abababababab', NAME: 'web', POD: 'web-5d9f', NS: 'prod' } },
    ...endpoints,
    IN_BYTES: 10,
    IN_PKTS: 3,
    OUT_BYTES: 200,
    OUT_PKTS: 40,
    57550: 27,
    57551: 27,
    SERVER_NW_LATENCY_MS: 0.235,
    RETRANSMITTED_IN_PKTS: 2,
  });
});

test('json: a process comes before a container, so that counters are what was added', (t) => {
  const { text } = json(flowOf());
  t.true(text.includes('SRC_PROC_NAME'));
  t.true(text.indexOf('SRC_PROC_NAME') < text.indexOf('LOCAL_CONTAINER'));
  t.true(text.indexOf('DST_PROC_NAME') < text.indexOf('IN_BYTES'));
  // Integers as keys come first in JavaScript's objects; they mean nothing for this.
  t.notRegex(text, /"TCP"|_EVENT_TYPE|LOCAL_PROCESS/);
});

test("json: the server's pod is told by name", (t) => {
  const { read } = json(flowOf({ role: 'server' }));
  t.like(read, {
    DST_PROC_PID: 1001,
    DST_PROC_CONTAINER_ID: 'abababababab',
    DST_K8S_POD: 'web-5d9f',
    DST_K8S_NS: 'prod',
  });
  t.false('LOCAL_CONTAINER' in read || 'SRC_PROC_NAME' in read);
});

test('json: without a process there is nothing but the flow', (t) => {
  const { read } = json(flowOf({ process: undefined }));
  t.deepEqual(
    Object.keys(read).filter((key) => /PROC|CONTAINER|K8S/.test(key)),
    [],
  );
});

test('legacy: one process, that of the end that tells, counters since the connection began', (t) => {
  const { read } = legacy(flowOf({ peerProcess: database }, 2));
  t.deepEqual(read, {
    LOCAL_PROCESS: { PID: 1001, UID: 33, UID_NAME: 'www-data', GID: 33, PROCESS_PATH: '/usr/bin/worker1' },
    LOCAL_FATHER_PROCESS: { PID: 1, UID: 0, UID_NAME: 'root', PROCESS_PATH: '/usr/lib/systemd/systemd' },
    LOCAL_CONTAINER: { ID: 'abababababab', K8S: { ID: 'abababababab', NAME: 'web', POD: 'web-5d9f', NS: 'prod' } },
    TCP_EVENT_TYPE: 'CONNECT',
    ...endpoints,
    INITIATOR_OCTETS: 512,
    INITIATOR_PKTS: 12,
    RESPONDER_OCTETS: 70_000,
    RESPONDER_PKTS: 55,
    57550: 27,
    57551: 27,
    SERVER_NW_LATENCY_MS: 0.235,
    RETRANSMITTED_IN_PKTS: 2,
  });
});

test("legacy: who accepts is on the server's side, also of UDP", (t) => {
  t.like(legacy(flowOf({ role: 'server' })).read, {
    TCP_EVENT_TYPE: 'ACCEPT',
    IPV4_SRC_ADDR: '10.96.0.114',
    L4_SRC_PORT: 5432,
    INITIATOR_OCTETS: 70_000,
    RESPONDER_OCTETS: 512,
  });
  t.like(legacy(flowOf({ role: 'server', transport: 'udp' })).read, { UDP_EVENT_TYPE: 'ACCEPT', PROTOCOL: 17 });
});

test('legacy: a container of Docker keeps the shape that the ancestor gave it', (t) => {
  t.deepEqual(legacy(flowOf({ process: database })).read.LOCAL_CONTAINER, {
    ID: 'cdcdcdcdcdcd',
    DOCKER: { ID: 'cdcdcdcdcdcd', NAME: 'db' },
  });
});

const types: Readonly<Record<string, 'string' | 'number'>> = {
  TCP_EVENT_TYPE: 'string',
  UDP_EVENT_TYPE: 'string',
  L4_SRC_PORT: 'number',
};

test('nothing that ntopng dies of, whatever the record', (t) => {
  for (const record of makeVariedRecords().filter(({ localAddress }) => localAddress !== ''))
    for (const encode of [json, legacy]) {
      const { read, text } = encode(toFlow(record, record.retransmits));
      t.false('INTERFACE_NAME' in read || 'timestamp' in read);
      for (const [key, type] of Object.entries(types)) if (key in read) t.is(typeof read[key], type);
      t.true(Object.values(read).every((value) => value !== null && value !== ''));
      t.true(text.isWellFormed());
      t.notRegex(text, /\\ud[89a-f]/);
    }
});
