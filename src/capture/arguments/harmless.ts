/** Values of secrets that are none: where one is, or that there is none. */
import { looksRandom } from './random.ts';

const words =
  /^(?:|-|true|false|yes|no|on|off|none|null|nil|auto|default|required|optional|disabled|enabled|prompt|stdin|ask|basic|digest|ntlm|negotiate|oauth2?|oidc|md5|sha-?\d*|scram(?:-sha-\d+)?|plain|peer|trust|ldap|pam|mtls|tls|jwt|never|always|strict|lax|pass|secret|token|password)$/i;

export function isHarmless(value: string): boolean {
  const text = value.replace(/^(["'])(.*)\1$/s, '$2');
  return words.test(text) || isPlace(text) || isName(text);
}

/** `env:NAME`, `$NAME`, `${NAME}`, `{{ name }}`, `<name>`, `***`: it stands for one. */
function isName(text: string): boolean {
  return /^(?:env(?:ironment)?:\w+|\$\w+|\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|<[\w -]+>|\*+|x{3,}|%\w+%)$/i.test(text);
}

/** The name of a file. A secret in base64 may begin with a slash, too. */
function isPlace(text: string): boolean {
  const [, path] = /^(?:file:(?:\/\/)?|@)?((?:~|\.{1,2})?\/[\w.@/-]+)$/.exec(text) ?? [];
  if (path === undefined) return false;
  const parts = path.split('/').filter((part) => part !== '' && part !== '~');
  return parts.length > 1 && /^[~.]*\/[a-z._]/.test(path) && !looksRandom(path.replace(/[^\w-]/g, ''));
}
