/** What people get wrong, the first line that they read for it, and the exit code. `FILE`: made by the test. */

export interface Wrong {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Content of FILE. */
  readonly file?: string;
  readonly says: string;
  /** 2 unless it says otherwise. */
  readonly code?: number;
  /** What is typed is well; what the program finds when it begins is not. */
  readonly atStart?: boolean;
}

const line = (words: string, says: string, more: Partial<Wrong> = {}): Wrong => ({
  args: words.split(' ').filter(Boolean),
  says,
  ...more,
});
const variable = (env: Readonly<Record<string, string>>, says: string): Wrong => ({ env, says });
const config = (file: string, says: string): Wrong => ({ args: ['--config', 'FILE'], file, says });

const TIME = 'a time such as 500ms, 10s, 5m or 1h';
const URLS =
  'a URL such as http://localhost:4317, https://collector:4317 or unix:///run/otlp.sock, without user, password or query';
const EVENTS = 'some of open,update,close,failed,retransmit,reset,drop,dns, with commas between';
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' };

const commandLines: readonly Wrong[] = [
  line('--tpc', '--tpc is not an option; did you mean --tcp?'),
  line('-q', '-q is not an option; sockflow --help lists them'),
  line('-tq', '-q (in "-tq") is not an option; sockflow --help lists them'),
  line('--tcp=maybe', '--tcp expects no value, or =true or =false, not "maybe"'),
  line('--interval', `--interval expects ${TIME}; none came`),
  line('--interval 10', `--interval expects ${TIME}, not "10"`),
  line('--events open,shut', `--events expects ${EVENTS}, not "open,shut"`),
  line('--events open,clsoe', '--events: there is no clsoe; did you mean close?'),
  line('--format xml', '--format expects one of text, json, pcapng, none, not "xml"'),
  line('--columns time,proces', '--columns: there is no column proces; did you mean process?'),
  line('--filter prt=1', '--filter: prt= is none of its words; did you mean port?'),
  line('--filter rtt>fast', '--filter: rtt> expects a time such as 50ms or 300us, not "fast"'),
  line(
    '--cidr-name 10.0.0.0/40=x',
    '--cidr-name expects a network and its name such as 10.0.0.0/8=corp or 2001:db8::/32=lab, not "10.0.0.0/40=x"',
  ),
  line('--host-root here', '--host-root expects the absolute name of a directory, such as /host, not "here"'),
  line('--node-name A_B', '--node-name expects the name of a node: lower-case letters, digits and . -, not "A_B"'),
  line('--otlp-endpoint x', `--otlp-endpoint expects ${URLS}, not "x"`),
  line('--otlp-endpoint http://me:pw@h:4317', `--otlp-endpoint expects ${URLS}`),
  line('--otlp-protocol smoke', '--otlp-protocol expects one of grpc, http/protobuf, http/json, not "smoke"'),
  line(
    '--otlp-header secret',
    '--otlp-header expects a name of letters, digits, - _ . and a value of ASCII, such as authorization=token',
  ),
  line('--logs', '--logs expects an endpoint: add --otlp-endpoint URL'),
  line('--spool /x', '--spool expects records that are sent: add --otlp-endpoint URL'),
  line('--zmq-format tlv', '--zmq-format expects an ntopng: add --zmq ENDPOINT'),
  line('--attribute x', '--attribute expects a name and a value such as tenant=blue, not "x"'),
  line(
    '--attribute host.name=x',
    '--attribute: host.name is observed of each host or process, and not for you to say; choose another name',
  ),
  line('--anonymize', '--anonymize expects a recording: add --record FILE'),
  line('--user nosuch', '--user expects a user of /etc/passwd, or numbers as UID or UID:GID, not "nosuch"'),
  line('--ring-size 100', '--ring-size expects a power of two from 64KiB to 1GiB, such as 16MiB, not "100"'),
  line('--metric-limit 3', '--metric-limit expects a whole number from 10 to 1000000, not "3"'),
  line('--once', '--once expects top: sockflow top --once'),
  line('chek', '"chek" is not expected; did you mean check?'),
  line('--tcp check', 'check comes first: sockflow check [options]'),
  line('config --intervl 1s', '--intervl is not an option; did you mean --interval?'),
  line('completion ksh', 'completion expects one of bash, zsh, fish, not "ksh"'),
  line('completion', 'completion expects one of bash, zsh, fish; none came'),
  line('replay', 'replay expects the name of a file made with --record'),
  line('replay a --record b', '--record expects what happens on this host, not replay'),
  line('top --format json', '--format is not for top, which shows a table and sends nothing'),
  line('top --command-args', '--command-args is not for top, which shows a table and sends nothing'),
  line(
    'top',
    'top expects a terminal to draw on and to read keys from; stdin and stdout are none: add --once for one table',
    { atStart: true },
  ),
];

const environments: readonly Wrong[] = [
  variable({ SOCKFLOW_INTERVAL: 'soon' }, `SOCKFLOW_INTERVAL expects ${TIME}, not "soon"`),
  variable({ SOCKFLOW_COMMAND_ARGS: 'some' }, 'SOCKFLOW_COMMAND_ARGS expects true or false, not "some"'),
  variable(
    { OTEL_METRIC_EXPORT_INTERVAL: 'soon' },
    'OTEL_METRIC_EXPORT_INTERVAL expects a number of milliseconds above 0, not "soon"',
  ),
  variable({ OTEL_LOG_LEVEL: 'loud' }, 'OTEL_LOG_LEVEL expects one of error, warn, info, debug, not "loud"'),
  variable(
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://:x' },
    'OTEL_EXPORTER_OTLP_ENDPOINT expects a URL such as http://localhost:4317, not "http://:x"',
  ),
  variable(
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' },
    'OTEL_EXPORTER_OTLP_TIMEOUT expects a number of milliseconds above 0, not "soon"',
  ),
  variable(
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'hush' },
    'OTEL_EXPORTER_OTLP_HEADERS expects pairs such as tenant=blue,site=a; of its 1, number 1 is none',
  ),
];

const files: readonly Wrong[] = [
  config('interval: soon', `FILE:1:1: interval expects ${TIME}, not "soon"`),
  config('tcp: true\ntcp: false', 'FILE:2:1: tcp is there twice: keys are unique'),
  config('- tcp', 'FILE:1:1: expects options, such as interval: 10s'),
  config('tcp: true\notlp-endpont: x', 'FILE:2:1: otlp-endpont is not an option; did you mean otlp-endpoint?'),
  config(
    'attribute: {service.name: x}',
    'FILE:1:1: attribute: service.name is observed of each host or process, and not for you to say; choose another name',
  ),
  line(
    '--config /nonexistent',
    "--config /nonexistent: ENOENT: no such file or directory, open '/nonexistent'; give a YAML file that can be read",
  ),
  line(
    'replay /nonexistent',
    'cannot start: replay /nonexistent: there is no such file; name a file made with --record',
    {
      code: 1,
    },
  ),
  line(
    'replay FILE',
    'cannot start: FILE cannot be replayed: it was not made with --record; name a file made with --record by this version of sockflow',
    { file: 'sixteen letters!', code: 1 },
  ),
  line('--record FILE', 'cannot start: FILE is there already; give --record the name of a new file', {
    file: '',
    code: 1,
  }),
  line(
    '--record /nonexistent/x',
    'cannot start: /nonexistent/x cannot be made: there is no such directory; give --record a file that can be made',
    { code: 1 },
  ),
  line(
    '--geoip /nonexistent',
    'cannot start: --geoip /nonexistent: there is no such file; give a .mmdb file, such as GeoLite2-City.mmdb or GeoLite2-ASN.mmdb',
    { code: 1 },
  ),
  line(
    '--otlp-endpoint https://127.0.0.1:1 --otlp-certificate FILE',
    'cannot start: --otlp-certificate expects a PEM file, which "FILE" is not; give a file that this process may read, or leave the option out',
    { file: 'no certificate', code: 1 },
  ),
  line(
    '--kubeconfig /nonexistent',
    'cannot start: --kubeconfig /nonexistent: there is no such file; give a kubeconfig with a server, and a token or certificate',
    { code: 1 },
  ),
  line(
    '--health 192.0.2.1:9464',
    'cannot start: --health 192.0.2.1:9464 is no address of this host; choose one of its own',
    {
      code: 1,
    },
  ),
];

const all = [...commandLines, ...environments, ...files];

/** What is wrong with the words alone, and what only the program that begins can find. */
export const wrongWords = all.filter(({ code = 2, atStart = false }) => code === 2 && !atStart);
export const wrongAtStart = all.filter((wrong) => !wrongWords.includes(wrong));

/** As it is typed. */
export function titleOf({ args = [], env = {} }: Wrong): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [...variables, 'sockflow', ...args].join(' ');
}

/** The arguments, with the path of the file where it is meant. */
export function given({ args = [] }: Wrong, file: string): string[] {
  return args.map((argument) => argument.replace('FILE', file));
}
