import test, { type ExecutionContext } from 'ava';
import { attribute, type JsonRecord, observe, only } from '../support/agent.ts';
import { addressOf, differences, identity, startedHere } from '../support/expected.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import {
  type AttemptKind,
  type AttemptOptions,
  type Attempts,
  copyOf,
  type Family,
  runAttempts,
} from '../support/workload.ts';

const USER = 65534;
const ECONNREFUSED = 111;
const ETIMEDOUT = 110;

interface Seen {
  attempts: Attempts;
  file: string;
  /** Client ends that never were a connection. */
  records: JsonRecord[];
  /** All ends. */
  ends: JsonRecord[];
}

/** Makes attempts beside an agent. */
async function attempt(
  t: ExecutionContext,
  namespace: Namespace,
  kind: AttemptKind,
  options: AttemptOptions,
): Promise<Seen> {
  const file = copyOf('attempts', temporaryDirectory(t), 'dialler');
  let attempts: Attempts | undefined;
  const { ends } = await observe(namespace, only(namespace), async () => {
    attempts = await runAttempts(namespace, kind, { file, user: USER, ...options });
    return attempts.attempts + 2 * attempts.established;
  });
  if (!attempts) throw new Error('no attempts');
  t.is(ends.length, attempts.attempts + 2 * attempts.established);
  const records = ends.filter((record) =>
    ['refused', 'cancelled', 'timeout'].includes(`${attribute(record, 'sockflow.connection.close.reason')}`),
  );
  return { attempts, file, records, ends };
}

function wantedOf(seen: Seen, family: Family): Record<string, unknown> {
  return {
    'network.transport': 'tcp',
    'network.type': family === '6' ? 'ipv6' : 'ipv4',
    'network.local.address': addressOf(family),
    'network.peer.address': addressOf(family),
    'network.peer.port': seen.attempts.port,
    'server.address': addressOf(family),
    'server.port': seen.attempts.port,
    'sockflow.connection.role': 'client',
    'sockflow.connection.sent.bytes': 0,
    'sockflow.connection.received.bytes': 0,
  };
}

function eventsOf(records: readonly JsonRecord[]): string[] {
  return [...new Set(records.map(({ event_name, severity_number }) => `${event_name} ${severity_number}`))];
}

function firstFaults(records: readonly JsonRecord[], wanted: Record<string, unknown>): string[] {
  return records.flatMap((record) => differences(record, wanted)).slice(0, 10);
}

const refusals = [
  { kind: 'refused', family: '4' },
  { kind: 'refused', family: '6' },
  { kind: 'refused', family: 'mapped' },
  { kind: 'refused-async', family: '4' },
  { kind: 'refused-async', family: '6' },
] as const;

for (const { kind, family } of refusals) {
  test.serial(`${kind} over ${family}: each attempt is a failure, not an empty connection`, async (t) => {
    await withNamespace(async (namespace) => {
      const seen = await attempt(t, namespace, kind, { family, count: 101 });
      t.true(seen.attempts.errors.every((error) => error === ECONNREFUSED));
      t.is(seen.records.length, 101);
      t.deepEqual(eventsOf(seen.ends), ['sockflow.connection.failed 13']);
      const wanted = {
        ...wantedOf(seen, family),
        ...identity(startedHere(seen.attempts.pid, seen.file, USER)),
        'sockflow.connection.close.reason': 'refused',
        'error.type': 'connection_refused',
      };
      t.deepEqual(firstFaults(seen.records, wanted), []);
      const ports = seen.records.map((record) => Number(attribute(record, 'network.local.port')));
      t.true(
        ports.every((port) => port > 0),
        'the local port is known although the kernel has taken it back',
      );
    });
  });
}

test.serial('a connect that its process gives up is closed as cancelled, without an error', async (t) => {
  await withNamespace(async (namespace) => {
    const seen = await attempt(t, namespace, 'cancelled', { count: 101 });
    t.is(seen.records.length, 101);
    t.deepEqual(eventsOf(seen.records), ['sockflow.connection.close 9']);
    const wanted = {
      ...wantedOf(seen, '4'),
      ...identity(startedHere(seen.attempts.pid, seen.file, USER)),
      'sockflow.connection.close.reason': 'cancelled',
      'error.type': undefined,
    };
    t.deepEqual(firstFaults(seen.records, wanted), []);
  });
});

test.serial('a connect whose process is killed is cancelled, and the dead process is named', async (t) => {
  await withNamespace(async (namespace) => {
    const seen = await attempt(t, namespace, 'killed', {});
    t.is(seen.records.length, 1);
    t.deepEqual(eventsOf(seen.records), ['sockflow.connection.close 9']);
    const wanted = {
      ...wantedOf(seen, '4'),
      'process.pid': seen.attempts.pid,
      'process.executable.path': seen.file,
      'process.user.id': USER,
      'sockflow.process.parent.executable.path': seen.file,
      'sockflow.connection.close.reason': 'cancelled',
      'error.type': undefined,
    };
    t.deepEqual(firstFaults(seen.records, wanted), []);
  });
});

test.serial('a connect that nobody answers has timed out', async (t) => {
  await withNamespace(async (namespace) => {
    const seen = await attempt(t, namespace, 'timed-out', { count: 2 });
    t.deepEqual(seen.attempts.errors, [ETIMEDOUT, ETIMEDOUT]);
    t.is(seen.records.length, 2);
    t.deepEqual(eventsOf(seen.records), ['sockflow.connection.failed 13']);
    const wanted = {
      ...wantedOf(seen, '4'),
      ...identity(startedHere(seen.attempts.pid, seen.file, USER)),
      'sockflow.connection.close.reason': 'timeout',
      'error.type': 'timed_out',
    };
    t.deepEqual(firstFaults(seen.records, wanted), []);
  });
});
