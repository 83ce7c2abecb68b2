import test from 'ava';
import { FilterError, parseFilter } from '../../../src/filter/parse.ts';
import type { Subject } from '../../../src/filter/terms.ts';
import type { ConnectionRecord, LookupRecord } from '../../../src/model.ts';

const record = {
  event: 'close',
  transport: 'tcp',
  networkType: 'ipv4',
  role: 'client',
  state: 'fin_wait2',
  localPort: 40_000,
  peerAddress: '10.0.0.7',
  peerPort: 8080,
  natOriginal: { address: '203.0.113.5', port: 443 },
  peerName: 'api.example.com',
  networkNamespace: 17,
  sentBytes: 1024,
  receivedBytes: 5 * 2 ** 20,
  retransmits: 2,
  smoothedRtt: 0.05,
  process: {
    executableName: 'nginx',
    executablePath: '/usr/sbin/nginx',
    pid: 42,
    userId: 33,
    userName: 'www-data',
    parentExecutableName: 'systemd',
    systemdUnit: 'nginx.service',
    container: { id: 'abc', runtime: 'docker', details: { runtime: 'docker', name: 'web server' } },
    pod: { uid: 'u', details: { name: 'shop-1', namespace: 'shop' } },
  },
} as unknown as ConnectionRecord;

const lookup = {
  event: 'dns',
  transport: 'udp',
  networkType: 'ipv6',
  peerAddress: '2001:db8::53',
  peerPort: 53,
  networkNamespace: 17,
  questionName: 'nowhere.example',
  process: record.process,
} as unknown as LookupRecord;

const passes = test.macro<[string, boolean, Subject?]>({
  exec(t, text, expected, subject = record) {
    t.is(parseFilter(text)(subject), expected);
  },
  title: (_, text, expected, subject = record) =>
    `${subject.event}: ${text || 'nothing'} ${expected ? 'passes' : 'does not'}`,
});

const yes = [
  ...[
    '',
    '  ',
    'proc=nginx',
    'proc=NGINX',
    'proc=/usr/sbin/*',
    'proc=ng*x',
    'pid=42',
    'user=www-data',
    'user=33',
    'parent=systemd',
  ],
  ...['container="web server"', 'container=abc', 'pod=shop-*', 'ns=shop', 'unit=nginx.service', 'netns=17'],
  ...['peer=10.0.0.7', 'peer=10.0.0.0/8', 'peer=203.0.113.0/24', 'peer=api.example.com', 'peer=*.example.com'],
  ...['port=8080', 'port=443', 'port=40000', 'proto=tcp', 'tcp', 'role=client', 'state=fin_wait2', 'event=close'],
  ...[
    'rtt=50ms',
    'rtt>=50ms',
    'rtt<51ms',
    'rtt>49999us',
    'retr>0',
    'retr=2',
    'sent=1KiB',
    'received>4MiB',
    'sent<1025',
  ],
  ...['!failed', '!udp', 'proc=nginx port=443 !user=root', '!peer=192.168.0.0/16'],
];
const no = [
  ...[
    'proc=ngin',
    'proc=n',
    'proc=.*',
    'pid=43',
    'user=root',
    'ns=other',
    'peer=10.0.0.8',
    'peer=11.0.0.0/8',
    'peer=example.com',
  ],
  ...[
    'port=44',
    'udp',
    'failed',
    'role=server',
    'rtt>50ms',
    'rtt<50ms',
    'retr>2',
    'received>5MiB',
    'proc=nginx user=root',
    '!tcp',
  ],
];
for (const text of yes) test(passes, text, true);
for (const text of no) test(passes, text, false);

for (const text of ['udp', 'peer=nowhere.example', 'peer=2001:db8::/32', 'port=53', 'proc=nginx'])
  test(passes, text, true, lookup);
for (const text of ['rtt>0', 'role=client', 'failed', 'retr=0']) test(passes, text, false, lookup);

test('a failed connection is one that never was and one that ended by an error', (t) => {
  const failed = parseFilter('failed');
  t.true(failed({ ...record, event: 'failed' }));
  t.true(failed({ ...record, errorType: 'connection_reset' }));
});

test('what was never measured passes no comparison', (t) => {
  const unmeasured = { ...record, smoothedRtt: undefined };
  t.false(parseFilter('rtt>0')(unmeasured));
  t.false(parseFilter('rtt<1h')(unmeasured));
  t.true(parseFilter('!rtt>0')(unmeasured));
});

test('a process that nobody knows passes no question for names', (t) => {
  t.false(parseFilter('proc=*')({ ...record, process: undefined }));
  t.true(parseFilter('!proc=*')({ ...record, process: undefined }));
});

const refuses = test.macro<[string, string | RegExp]>({
  exec(t, text, message) {
    t.throws(() => parseFilter(text), { instanceOf: FilterError, message });
  },
  title: (_, text) => `refused: ${text}`,
});

test(refuses, 'prc=nginx', 'prc= is none of its words; did you mean proc?');
test(refuses, 'faild', 'faild is none of its words; did you mean failed?');
test(refuses, 'xyzzy=1', /^xyzzy= is none of its words; there are proc, pid, .*, udp$/);
test(refuses, 'proc', 'proc needs a value: proc=…');
test(refuses, 'proc=', 'proc= expects a name; * stands for any characters, not ""');
test(refuses, 'proc>a', 'proc takes = only, not >');
test(refuses, 'port=http', 'port= expects a port, not "http"');
test(refuses, 'port=70000', 'port= expects a port, not "70000"');
test(refuses, 'rtt>fast', 'rtt> expects a time such as 50ms or 300us, not "fast"');
test(refuses, 'sent>1MB', 'sent> expects a size such as 1MiB, not "1MB"');
test(refuses, 'state=open', /^state= expects one of established, /);
test(refuses, '!', /^! is none of its words; there are /);
test(refuses, '=5', /^= is none of its words/);
test(refuses, 'proc="a b', 'a " has no other one');
test(refuses, 'toString=1', /is none of its words/);
test(refuses, 'constructor', /is none of its words/);
