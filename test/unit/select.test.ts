import test from 'ava';
import { parseCommandLine } from '../../src/cli/parse.ts';
import type { ConnectionRecord, EventName, Role } from '../../src/model.ts';
import { createSelection } from '../../src/select.ts';

const events: readonly EventName[] = ['open', 'update', 'close', 'failed', 'retransmit', 'reset', 'drop'];
const roles: readonly Role[] = ['client', 'server'];
const endpoint = '--otlp-endpoint=http://c:4317';

function select(...flags: string[]) {
  const command = parseCommandLine(flags, {});
  if (command.action !== 'run') throw new Error(command.action);
  return createSelection(command.options);
}

/** What passes, as `open/server`; just the event when both roles do. */
function passing(test: (record: ConnectionRecord) => boolean): string[] {
  return events.flatMap((event) => {
    const passed = roles.filter((role) => test({ event, role } as ConnectionRecord));
    return passed.length === roles.length ? [event] : passed.map((role) => `${event}/${role}`);
  });
}

const shows = test.macro<[string[], string[]]>({
  exec(t, flags, expected) {
    t.deepEqual(passing(select(...flags).stdout), expected);
  },
  title: (_, flags, expected) => `${flags.join(' ') || 'nothing asked'}: ${expected.join(' ') || 'nothing'}`,
});

test(shows, [], ['open', 'close', 'failed', 'retransmit']);
test(shows, ['-t'], ['open', 'close', 'failed', 'retransmit']);
test(shows, ['-i'], ['open/server']);
test(shows, ['-o'], ['open/client', 'failed']);
test(shows, ['-io'], ['open', 'failed']);
test(shows, ['-c'], ['close']);
test(shows, ['-r'], ['retransmit']);
test(shows, ['-tic'], ['open/server', 'close']);
test(shows, ['--events', 'update'], ['update']);
test(shows, ['--events', 'update,reset', '-i'], ['open/server', 'update', 'reset']);
test(shows, ['--format', 'none'], []);
test(shows, [endpoint], []);

test('OTLP gets ends and updates, open only when asked for', (t) => {
  t.deepEqual(passing(select(endpoint).otlp), ['update', 'close', 'failed']);
  t.deepEqual(passing(select(endpoint, '--events', 'open,close').otlp), ['open', 'close']);
  t.deepEqual(passing(select(endpoint, '-c').otlp), ['close']);
  t.deepEqual(passing(select().otlp), []);
  t.deepEqual(passing(select(endpoint, '--no-logs').otlp), []);
});

test('what the kernel has to send follows from all outputs', (t) => {
  t.like(select(), { wantsOpen: true, wantsUpdate: false, wantsRetransmit: true, wantsReset: false });
  t.like(select('-c'), { wantsOpen: false, wantsUpdate: false, wantsRetransmit: false });
  t.like(select('--events', 'reset'), { wantsReset: true, wantsRetransmit: false });
  t.like(select('--events', 'drop'), { wantsDrop: true, wantsListeners: true, wantsReset: false });
  t.like(select(endpoint), { wantsDrop: false, wantsListeners: true, wantsReset: true });
  t.like(select(endpoint, '--no-metrics'), { wantsListeners: false, wantsReset: false });
  t.like(select('-i'), { wantsOpen: true });
  t.like(select(endpoint), { wantsOpen: false, wantsUpdate: true });
  t.like(select(endpoint, '--no-logs'), { wantsOpen: false, wantsUpdate: true });
  t.like(select(endpoint, '--no-metrics', '-c'), { wantsOpen: false, wantsUpdate: false });
  t.like(select(endpoint, '--format', 'text'), { wantsOpen: true, wantsUpdate: true });
  t.like(select('--events', 'update'), { wantsOpen: false, wantsUpdate: true });
});

test('a recording has all events but drops, which no output shows unless asked', (t) => {
  const all = { wantsOpen: true, wantsRetransmit: true, wantsReset: true, wantsUpdate: true, wantsDrop: false };
  t.like(select('--record=x'), all);
  t.deepEqual(passing(select('--record=x').stdout), ['open', 'close', 'failed', 'retransmit']);
  t.like(select('--record=x', '--events=drop'), { ...all, wantsDrop: true });
});
