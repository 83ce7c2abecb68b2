/** Whether what has this name is a secret: of an option, a variable, a header, a parameter of a URL. */

/** One of these words in the name is enough. */
const secretWords = new Set([
  ...['password', 'passwd', 'passphrase', 'passcode', 'pass', 'pwd', 'pw', 'secret', 'token', 'credential'],
  ...['credentials', 'creds', 'cred', 'auth', 'authorization', 'authentication', 'bearer', 'cookie', 'cookies', 'jwt'],
  ...['apikey', 'signature', 'sig', 'otp', 'totp', 'psk', 'community', 'sessionid', 'literal', 'netrc', 'pin'],
]);
/** Written in one word with others, as in PGPASSWORD or authtoken. */
const within = /passw(?:or)?d|passphrase|secret(?!s|ary|ariat)|apikey|accesskey|privatekey|encryptionkey|signingkey/;
const atEnd = /(?:token|(?<!com|by|tres|sur|over|under)pass|pwd|credentials?|sessionid)$/;

/** What the last word says is not the secret itself: where it is, how long it holds. */
const aboutIt = new Set([
  ...['file', 'files', 'path', 'dir', 'directory', 'store', 'location', 'name', 'names', 'url', 'uri', 'endpoint'],
  ...['type', 'length', 'len', 'size', 'count', 'policy', 'ttl', 'expiry', 'expiration', 'expires', 'timeout', 'days'],
  ...['interval', 'lifetime', 'duration', 'age', 'format', 'alg', 'algorithm', 'method', 'methods', 'mode', 'provider'],
  ...['class', 'issuer', 'audience', 'enabled', 'disabled', 'required', 'prompt', 'stdin', 'command', 'cmd', 'env'],
  ...['version', 'prefix', 'suffix', 'hint', 'rotation', 'cache', 'bucket', 'manager', 'server', 'host', 'port', 'fd'],
  ...['realm', 'plugin', 'plugins', 'cert', 'certificate', 'ca', 'domain', 'limit', 'retry', 'retries', 'backend'],
  ...[
    'source',
    'scheme',
    'scope',
    'scopes',
    'jar',
    'role',
    'user',
    'username',
    'config',
    'service',
    'ref',
    'namespace',
  ],
]);

/** A key may be one of a door or one of a map: with these words it is of a door. */
const ofDoors = new Set([
  ...['api', 'access', 'private', 'encryption', 'signing', 'master', 'account', 'shared', 'license', 'subscription'],
  ...['service', 'app', 'ssh', 'aes', 'hmac', 'session'],
]);

const mayBeKeys = new Set(['key', 'k', 'code', 'seed', 'salt', 'iv', 'nonce']);

const ofDigests = new Set([
  ...['id', 'ids', 'digest', 'sha', 'commit', 'revision', 'rev', 'ref', 'checksum', 'container', 'image', 'trace'],
  ...['uuid', 'uid', 'build', 'hash'],
]);

/** `key`: whether it is a secret the value has to tell. `digest`: long hexadecimal digits are what it is made of. */
export type NameKind = 'secret' | 'key' | 'digest' | 'other';

/** The same few names come again and again. */
const known = new Map<string, NameKind>();
const LIMIT = 4096;

export function kindOf(name: string): NameKind {
  const before = known.get(name);
  if (before !== undefined) return before;
  const kind = judge(wordsOf(name));
  if (known.size >= LIMIT) known.clear();
  known.set(name, kind);
  return kind;
}

function judge(words: readonly string[]): NameKind {
  const last = words.at(-1) ?? '';
  if (words[0] === 'no' || aboutIt.has(last)) return 'other';
  if (/^(?:j?session|s|phpsess)id$/.test(words.join(''))) return 'secret';
  if (words.some((word) => secretWords.has(word) || within.test(word) || atEnd.test(word))) return 'secret';
  if (last === 'key' && words.some((word) => ofDoors.has(word))) return 'secret';
  if (mayBeKeys.has(last)) return 'key';
  return ofDigests.has(last) ? 'digest' : 'other';
}

/** `--clientSecretKey2` to client, secret, key. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/\d+$/, ''))
    .filter((word) => word !== '');
}
