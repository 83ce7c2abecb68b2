/** `sockflow completion SHELL`: scripts that complete options and their words, from the table of options. */
import { commands } from './commands.ts';
import { entries, type Option, optionName } from './options.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface Shown {
  /** With their dashes; the first is the long one. */
  readonly names: readonly string[];
  readonly help: string;
  /** What may stand behind it. */
  readonly value: 'none' | 'file' | 'directory' | 'any' | readonly string[];
}

const common: readonly Shown[] = [
  { names: ['--help', '-h'], help: 'All options', value: 'none' },
  { names: ['--version'], help: 'Name and version', value: 'none' },
];

export function formatCompletion(shell: Shell): string {
  const shown = [...entries.flatMap(([key, option]) => shownOf(optionName(key), option)), ...common];
  return { bash, zsh, fish }[shell](shown);
}

function shownOf(name: string, { kind, help, aliases, negatable }: Option<unknown>): Shown[] {
  const names = [name, ...aliases].map((alias) => (alias.length > 1 ? `--${alias}` : `-${alias}`));
  const option: Shown = { names, help, value: valuesOf(kind) };
  return negatable ? [option, { names: [`--no-${name}`], help: `Not: ${help}`, value: 'none' }] : [option];
}

function valuesOf({ type, placeholder, words }: Option<unknown>['kind']): Shown['value'] {
  if (type === 'flag') return 'none';
  if (words) return words;
  if (placeholder === 'FILE' || placeholder === 'SOCKET') return 'file';
  return placeholder === 'DIR' ? 'directory' : 'any';
}

function bash(shown: readonly Shown[]): string {
  const cases = shown.flatMap(({ names, value }) => {
    const action = bashAction(value);
    return action === undefined ? [] : [`    ${names.join('|')}) ${action}; return ;;`];
  });
  const names = shown.flatMap((option) => option.names).filter((name) => name.startsWith('--'));
  return `# sockflow completion for bash: eval "$(sockflow completion bash)"
_sockflow() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case $before in
${cases.join('\n')}
    replay) COMPREPLY=($(compgen -f -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W '${shells.join(' ')}' -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" = 1 ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W '${Object.keys(commands).join(' ')}' -- "$word"))
    return
  fi
  COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$word"))
}
complete -F _sockflow sockflow
`;
}

/** Undefined: nothing stands behind it. */
function bashAction(value: Shown['value']): string | undefined {
  if (value === 'none') return undefined;
  if (value === 'any') return ':';
  if (value === 'file') return 'COMPREPLY=($(compgen -f -- "$word"))';
  if (value === 'directory') return 'COMPREPLY=($(compgen -d -- "$word"))';
  return `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$word"))`;
}

function zsh(shown: readonly Shown[]): string {
  const lines = shown.flatMap(({ names, help, value }) =>
    names.map((name) => `  ${quote(`${zshName(name, value)}[${escapeZsh(help)}]${zshAction(value)}`)} \\`),
  );
  const described = Object.entries(commands).map(([name, help]) => quote(`${name}:${help}`));
  return `#compdef sockflow
# sockflow completion for zsh: eval "$(sockflow completion zsh)"
_sockflow() {
  local -a commands=(${described.join(' ')})
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  case $words[2] in
    completion) _values shell ${shells.join(' ')}; return ;;
  esac
  _arguments \\
${lines.join('\n')}
  '*:file:_files'
}
if [ "$funcstack[1]" = "_sockflow" ]; then _sockflow "$@"; else compdef _sockflow sockflow; fi
`;
}

function zshName(name: string, value: Shown['value']): string {
  return value !== 'none' && name.startsWith('--') ? `${name}=` : name;
}

function zshAction(value: Shown['value']): string {
  if (value === 'none') return '';
  if (value === 'file') return ':file:_files';
  if (value === 'directory') return ':directory:_files -/';
  return value === 'any' ? ':value: ' : `:value:(${value.join(' ')})`;
}

function escapeZsh(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function fish(shown: readonly Shown[]): string {
  const ofCommands = Object.entries(commands).map(
    ([name, help]) => `complete -c sockflow -n __fish_use_subcommand -f -a ${name} -d ${quote(help)}`,
  );
  const ofOptions = shown.map(
    ({ names, help, value }) => `complete -c sockflow ${fishNames(names)} ${fishValue(value)}-d ${quote(help)}`,
  );
  return `# sockflow completion for fish: sockflow completion fish | source
${[...ofCommands, ...ofOptions].join('\n')}
complete -c sockflow -n '__fish_seen_subcommand_from completion' -f -a '${shells.join(' ')}'
`;
}

function fishNames(names: readonly string[]): string {
  return names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
}

function fishValue(value: Shown['value']): string {
  if (value === 'none') return '-f ';
  if (value === 'file') return '-r -F ';
  if (value === 'directory') return "-x -a '(__fish_complete_directories)' ";
  return value === 'any' ? '-x ' : `-x -a ${quote(value.join(' '))} `;
}

/** For a shell, as one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
