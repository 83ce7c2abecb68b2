import test from 'ava';
import { createLossWatch } from '../../../src/cli/losses.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { Ledger, withPrefix } from '../../../src/ledger.ts';
import { createLog, type Level } from '../../../src/log.ts';

function record(level: Level = 'info', now?: () => number) {
  const lines: string[] = [];
  return { lines, log: createLog(level, (line) => void lines.push(line), now) };
}

test('a message is a line that says who speaks', (t) => {
  const { log, lines } = record();
  log.info('hello \x1b[31m');
  t.deepEqual(lines, ['sockflow: hello \\x1b[31m\n']);
});

test('each line of a message is one', (t) => {
  const { log, lines } = record();
  log.info('one\ntwo\n');
  t.deepEqual(lines, ['sockflow: one\nsockflow: two\n']);
});

test('the level decides, except for what everybody waits for', (t) => {
  const { log, lines } = record('warn');
  log.error('a');
  log.warn('b');
  log.info('c');
  log.debug('d');
  log.say('e');
  t.is(lines.join(''), 'sockflow: a\nsockflow: b\nsockflow: e\n');
});

test('the same key is heard once a minute', (t) => {
  let time = 0;
  const { log, lines } = record('info', () => time);
  for (; time <= 120_000; time += 1000) {
    log.limited('warn', 'ring', `ring ${time}`);
    log.limited('warn', 'queue', 'queue');
  }
  t.deepEqual(
    lines.filter((line) => line.includes('ring')),
    ['sockflow: ring 0\n', 'sockflow: ring 60000\n', 'sockflow: ring 120000\n'],
  );
  t.is(lines.length, 6);
});

test('a loss is said once, with what can be done about it', (t) => {
  const { log, lines } = record();
  const command = parseCommandLine(['--ring-size', '8MiB'], {});
  if (command.action !== 'run') return t.fail();
  const ledger = new Ledger();
  const lost = { ring_full: 312 };
  const counts = () => ({
    opened: 312,
    closed: 0,
    live: 0,
    lost,
    dropped: {},
    udp: { opened: 0, closed: 0, live: 0 },
    folded: 0,
  });
  const look = createLossWatch(command.options, log, ledger, counts);
  look();
  lost.ring_full = 400;
  look();
  ledger.lose('export', 'odd', 2);
  look();
  withPrefix(ledger, 'traces').lose('export', 'queue_full', 3);
  withPrefix(ledger, 'metrics').lose('export', 'queue_full', 4);
  look();
  t.deepEqual(lines, [
    'sockflow: LOST 312 records: kernel ring_full; --ring-size is 8MiB, try 16MiB\n',
    'sockflow: LOST 2 records: export odd\n',
    'sockflow: LOST 3 spans: export traces_queue_full; the server takes less than comes: --queue-size is 64MiB, try 128MiB\n',
    'sockflow: LOST 4 metric points: export metrics_queue_full; the server takes less than comes: send less often, with a longer --metric-interval\n',
  ]);
});
