/** `sockflow --help`, from the table of options. At most 80 columns. */
import { entries, type Group, groups, type Option, optionName } from './options.ts';
import { wrap } from './wrap.ts';

const COLUMN = 28;
const WIDTH = 79;

interface Line {
  readonly names: string;
  readonly text: string;
}

const introduction = `Usage: sockflow [options]
       sockflow top [options]           a live table: who moves how much
       sockflow check [options]         what this host lets it see, and why not
       sockflow replay FILE [options]   what --record FILE has kept
       sockflow config [options]        what is in force, and where it is from;
                                        --schema: what a --config file may have
       sockflow completion SHELL        a script for bash, zsh or fish

Shows every TCP connection and UDP conversation of every process of this host:
who began it, what it moved, how it ended. Needs root, or the capabilities
CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; CAP_SYS_ADMIN too where no cgroup2
mount is visible, and for names of interfaces in other network namespaces.
Without options it prints a line for each event; with an endpoint it sends
them there and prints nothing.`;

const notes: Partial<Record<Group, string>> = {
  'What is watched': 'None of -i -o -r -c: all of them. They combine: -tio.',
};

const examples = `Examples:
  sockflow                          a line for each that opens or ends
  sockflow -o -c                    what programs dial here, and how it went
  sockflow top --once --group peer  one table of who is talked to
  sockflow --format json | jq .     every field, by OpenTelemetry name
  sockflow --otlp-endpoint http://localhost:4317
                                    logs and metrics to a Collector

Times are 500ms, 10s, 5m, 1h; sizes are 64MiB, 512KiB or bytes. Each option is
an environment variable, too: --otlp-endpoint is SOCKFLOW_OTLP_ENDPOINT. The
OTEL_EXPORTER_OTLP_* variables hold; a flag wins over all. Ctrl-C stops.
`;

const common: readonly Line[] = [
  { names: '-h, --help', text: 'This text' },
  { names: '    --version', text: 'Name and version' },
];

export function formatHelp(): string {
  return `${[introduction, ...groups.map(formatGroup), examples].join('\n\n')}`;
}

function formatGroup(group: Group): string {
  const lines = entries.filter(([, option]) => option.group === group).map(([key, option]) => describe(key, option));
  const all = group === 'Running' ? [...lines, ...common] : lines;
  const note = notes[group];
  return [`${group}:`, ...all.map(formatLine), ...(note ? [`  ${note}`] : [])].join('\n');
}

function describe(key: string, option: Option<unknown>): Line {
  const short = option.aliases.find((alias) => alias.length === 1);
  const long = option.aliases.filter((alias) => alias.length > 1).map((alias) => `, --${alias}`);
  const name = `--${option.negatable ? '[no-]' : ''}${optionName(key)}${long.join('')}`;
  const value = option.kind.placeholder && ` ${option.kind.placeholder}`;
  return { names: (short ? `-${short}, ` : '    ') + name + value, text: describeText(option) };
}

function describeText({ help, kind, fallback }: Option<unknown>): string {
  if (kind.type !== 'flag') return fallback ? `${help} (${fallback})` : help;
  return fallback === 'true' ? `${help} (on)` : help;
}

function formatLine({ names, text }: Line): string {
  const rows = wrap(text, WIDTH - COLUMN);
  const head = `  ${names}`;
  const first = head.length < COLUMN - 1 ? head.padEnd(COLUMN) + (rows.shift() ?? '') : head;
  return [first, ...rows.map((row) => ' '.repeat(COLUMN) + row)].join('\n');
}
