/**
 * Writes docs/options.md and the man page (docs/sockflow.1) from the table of options (src/cli/options.ts). `--check` only
 * compares, and fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { commands } from '../src/cli/commands.ts';
import { entries, groups, type Option, optionName } from '../src/cli/options.ts';

type Entry = readonly [name: string, option: Option<unknown>];

const options: readonly Entry[] = entries.map(([key, option]) => [optionName(key), option] as const);

const variableOf = (name: string) => `SOCKFLOW_${name.toUpperCase().replaceAll('-', '_')}`;

function flagsOf([name, option]: Entry): string[] {
  const value = option.kind.placeholder && ` ${option.kind.placeholder}`;
  const dashed = option.aliases.map((alias) => (alias.length === 1 ? `-${alias}` : `--${alias}`));
  return [`--${option.negatable ? '[no-]' : ''}${name}${value}`, ...dashed];
}

function defaultOf({ kind, fallback }: Option<unknown>): string {
  if (kind.type !== 'flag') return fallback ?? '';
  return fallback === 'true' ? 'on' : 'off';
}

const inCell = (text: string) => text.replaceAll('|', '\\|');

function row(entry: Entry): string {
  const [name, option] = entry;
  const flags = flagsOf(entry)
    .map((flag) => `\`${inCell(flag)}\``)
    .join(', ');
  const expects = option.kind.type === 'flag' ? '' : ` Expects ${option.kind.expects}.`;
  const often = option.kind.type === 'repeated' ? ' May be given several times.' : '';
  const value = defaultOf(option);
  return `| ${flags} | ${inCell(`${option.help}.${expects}${often}`)} | ${value && `\`${inCell(value)}\``} | \`${variableOf(name)}\` |`;
}

function renderPage(): string {
  const tables = groups.map((group) => {
    const rows = options.filter(([, option]) => option.group === group).map(row);
    return `## ${group}\n\n| option | what it does | default | variable |\n|---|---|---|---|\n${rows.join('\n')}`;
  });
  return `# Every option

Made from src/cli/options.ts by scripts/generate-options.ts. A key of a \`--config\` file is the option without its dashes;
a flag wins over a variable, that over the file, that over \`OTEL_*\` ([configuration.md](configuration.md)).
Times are \`500ms\`, \`10s\`, \`5m\`, \`1h\`; sizes \`64MiB\`, \`512KiB\` or bytes.

| command | |
|---|---|
| \`sockflow [options]\` | watch; print, and send where asked |
${Object.entries(commands)
  .map(([name, what]) => `| \`sockflow ${name}\` | ${what} |`)
  .join('\n')}

${tables.join('\n\n')}
`;
}

/** For troff: a backslash and a dash mean something, and so does a dot at the beginning. */
function troff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('→', '\\(->')
    .replaceAll('←', '\\(<-')
    .replace(/^([.'])/gm, '\\&$1');
}

function item(entry: Entry): string {
  const [name, option] = entry;
  const expects = option.kind.type === 'flag' ? '' : ` Expects ${option.kind.expects}.`;
  const value = option.kind.type === 'flag' ? option.fallback === 'true' && 'on' : option.fallback;
  const fallback = value ? ` Default: ${value}.` : '';
  const flags = flagsOf(entry).map((flag) => `\\fB${troff(flag)}\\fR`);
  return `.TP\n${flags.join(', ')}\n${troff(`${option.help}.${expects}${fallback} Variable: ${variableOf(name)}.`)}`;
}

function renderMan(): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const sections = groups.map(
    (group) =>
      `.SS ${troff(group)}\n${options
        .filter(([, option]) => option.group === group)
        .map(item)
        .join('\n')}`,
  );
  return `.\\" Made by scripts/generate-options.ts.
.TH SOCKFLOW 1 "2026" "sockflow ${version}" "User Commands"
.SH NAME
sockflow \\- which process talks to whom, and how well
.SH SYNOPSIS
.B sockflow
[\\fIoptions\\fR]
${Object.keys(commands)
  .map((name) => `.br\n.B sockflow ${name}\n[\\fIoptions\\fR]`)
  .join('\n')}
.SH DESCRIPTION
Shows every TCP connection and UDP conversation of every process of this host, seen with eBPF and without capturing a packet:
who began it, what it moved, how it ended. Without options it prints a line for each event; with an endpoint it sends records
there, by OTLP or to ntopng, and prints nothing. Needs root, or the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, which
it gives up when it is ready.
.SH COMMANDS
${Object.entries(commands)
  .map(([name, what]) => `.TP\n.B ${name}\n${troff(what)}`)
  .join('\n')}
.SH OPTIONS
${sections.join('\n')}
.TP
\\fB\\-h\\fR, \\fB\\-\\-help\\fR
The options, in short.
.TP
\\fB\\-\\-version\\fR
Name and version.
.SH SIGNALS
SIGINT and SIGTERM end it: it sends what waits, for at most \\-\\-shutdown\\-timeout, and says what became of all records. A second one
ends it at once. SIGHUP has the \\-\\-config file read again; without one it ends it, too.
.SH EXIT STATUS
.TP
.B 0
It was asked to stop, or \\-\\-duration is over.
.TP
.B 1
It cannot start, or an output is lost for good. Of \\fBcheck\\fR: something that was asked for is missing.
.TP
.B 2
Wrong usage.
.SH SEE ALSO
The documentation in docs/, options.md first.
`;
}

const targets = { 'docs/options.md': renderPage(), 'docs/sockflow.1': renderMan() };
for (const [target, text] of Object.entries(targets)) {
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (readFileSync(target, 'utf8') !== text) {
    console.error(`${target} is not of this table of options: run node scripts/generate-options.ts`);
    process.exitCode = 1;
  }
}
