/** `sockflow config`: what is in force, and where each value is from; as YAML that `--config` reads, with defaults as comments. */
import { mayHaveSecret } from '../export/otlp/settings.ts';
import { yaml } from '../yaml.ts';
import type { Environment } from './environment.ts';
import { entries, type Key, type Option, optionName } from './options.ts';
import type { Settings } from './resolve.ts';
import { printable } from './tokens.ts';

const HIDDEN = '(hidden)';
/** Headers carry tokens. */
const carriesTokens = /_HEADERS$/;

/** Values that may be secret are hidden. `env`: what OTEL_* says holds where nothing else does. */
export function formatConfig(settings: Settings, env: Environment): string {
  const lines = entries
    .filter(([key]) => key !== 'config')
    .map(([key, option]) => formatSetting(key, option, settings));
  const width = Math.max(...lines.map(({ line }) => line.length));
  const shown = lines.map(({ line, origin }) => `${line.padEnd(Math.min(width, 44))}  # ${origin}`);
  const variables = Object.keys(env)
    .filter((name) => name.startsWith('OTEL_') && env[name])
    .toSorted();
  const ofOtel = variables.map((name) => `#   ${name}=${mask(name, env[name] ?? '')}`);
  const end = ofOtel.length > 0 ? ['', '# Where nothing above says otherwise:', ...ofOtel] : [];
  return `${[...shown, ...end].join('\n')}\n`;
}

function formatSetting(key: Key, option: Option<unknown>, settings: Settings): { line: string; origin: string } {
  const setting = settings.get(key);
  const name = optionName(key);
  const text = setting?.text ?? option.fallback;
  const origin = setting?.source ?? 'default';
  if (text === undefined) return { line: `# ${name}:`, origin: 'not set' };
  if (text !== '' && option.kind.isSecret?.(text)) return { line: `# ${name}: ${HIDDEN}`, origin };
  return { line: `${setting ? '' : '# '}${name}: ${yamlOf(text, option)}`, origin };
}

function yamlOf(text: string, { kind }: Option<unknown>): string {
  if (kind.type === 'flag') return String(kind.parse(text));
  if (kind.type === 'repeated')
    return yaml()
      .stringify(text === '' ? [] : text.split('\n'), { collectionStyle: 'flow', lineWidth: 0 })
      .trim();
  return yaml()
    .stringify(/^\d+$/.test(text) ? Number(text) : text, { lineWidth: 0 })
    .trim();
}

function mask(name: string, value: string): string {
  return carriesTokens.test(name) || (value.includes('://') && mayHaveSecret(value)) ? HIDDEN : printable(value, 200);
}
