/** Secrets that are known by their form, wherever they stand. Those that look random anyway need no line here. */

/** Prefixes that services put before what they give out, to be recognised by. */
const prefixes = [
  'gh[pousr]_',
  'github_pat_',
  'gl(?:pat|ptt|rt|soat|cbt|dt|ft)-',
  'xox[abeoprs]-',
  'xapp-',
  '[srp]k_(?:live|test)_',
  'whsec_',
  'sk-(?:ant-|proj-|or-)?',
  'AIza',
  'ya29\\.',
  'npm_',
  'pypi-',
  'hv[sbr]\\.',
  'hf_',
  'do[opr]_v1_',
  'dckr_pat_',
  'dapi',
  'lin_api_',
  'ntn_',
  'secret_',
  'ATATT3x',
  'ATBB',
  'sq0(?:atp|csp)-',
  'shp(?:at|ca|pa|ss)_',
  'pscale_(?:tkn|pw)_',
  'dp\\.(?:pt|st|ct|sa)\\.',
  'gl(?:sa|c)_',
  'NRAK-',
  'sntry[su]_',
  'tskey-',
  'key-',
  'rubygems_',
  'AGE-SECRET-KEY-1',
  'PMAK-',
  'CFPAT-',
  'EAAC?[A-Z]',
  'fo1_',
  'ops_',
  'r8_',
  'xkeysib-',
  'SG\\.',
];

const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE|MESSAGE|SIGNATURE)[A-Z ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*-----|$)/g,
  // Access keys of AWS: A, who it is of, and 16 letters and digits.
  /\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}\b/g,
  // And what belongs to them: 40 characters of base64, looked for first: what is in them is only counted where they are.
  /(?<![\w/+=.-])(?=[A-Za-z0-9/+]{40}(?![\w/+=.-]))(?=(?:[^a-z]{0,34}[a-z]){6})(?=(?:[^A-Z]{0,34}[A-Z]){6})(?=\D{0,39}\d)[A-Za-z0-9/+]{40}/g,
  // JSON Web Tokens and what is like them: JSON in base64 begins with {" .
  /\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g,
  // A key of OpenSSH without its head.
  /\bb3BlbnNzaC1rZXkt[\w+/=]*/g,
  // Telegram: the number of the bot, and its secret.
  /\b\d{8,10}:[\w-]{30,}/g,
  // Hooks whose address is the secret.
  /(?<=\bhooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/]+/g,
  /(?<=\bdiscord(?:app)?\.com\/api\/webhooks\/\d+\/)[\w-]+/g,
  /(?<=\bwebhook\.office\.com\/webhookb2\/)[\w@/-]+/g,
  // What an Authorization header has, where its name is not beside it.
  /(?<=\b[Bb]earer\s{1,8})[\w.~+/-]{6,}=*/g,
  /(?<=\b[Bb]asic\s{1,8})(?=[a-z]*[A-Z0-9])[A-Za-z0-9+/]{8,}=*/g,
  // OpenSSL's way to give a password in the line.
  /(?<=(?:^|\s)pass:)\S+/g,
  new RegExp(`(?<![A-Za-z0-9])(?:${prefixes.join('|')})(?=[\\w.-]*[0-9A-Z])[\\w.-]{12,}`, 'g'),
];

export function redactShapes(text: string, mark: string): string {
  return shapes.reduce((redacted, shape) => redacted.replace(shape, mark), text);
}
