/** Kinds of values of the options about OTLP. */
import { isPlainUrl, mayHaveSecret } from '../export/otlp/settings.ts';
import { hostAttributes, resourceAttributes } from '../export/semconv.ts';
import type { Kind } from './kinds.ts';
import { parsePair } from './units.ts';

/** Where a server of OTLP is. What a path means depends on the protocol, so it is looked at when that is known. */
export const otlpUrl: Kind<string> = {
  type: 'value',
  placeholder: 'URL',
  expects:
    'a URL such as http://localhost:4317, https://collector:4317 or unix:///run/otlp.sock, without user, password or query',
  isSecret: mayHaveSecret,
  parse: (text) => {
    const url = URL.parse(text);
    if (url?.protocol === 'unix:') return url.pathname.length > 1 && url.host === '' ? text : undefined;
    return url && isPlainUrl(url) ? text : undefined;
  },
};

/** Headers carry tokens, so a wrong one isn't repeated in the message. What gRPC would refuse later is refused here. */
export const headers: Kind<Readonly<Record<string, string>>> = {
  type: 'repeated',
  placeholder: 'K=V',
  expects: 'a name of letters, digits, - _ . and a value of ASCII, such as authorization=token',
  isSecret: () => true,
  parse: (text) => readPairs(text, ([key, value]) => /^[\w.-]+$/.test(key) && /^[\x20-\x7e]*$/.test(value)),
};

/** Of these there is always one that was observed, so that one that is given would never be seen. */
const observed: ReadonlySet<string> = new Set([
  ...hostAttributes.map(({ key }) => key),
  ...resourceAttributes.filter(({ when }) => when === 'always' || when === 'process known').map(({ key }) => key),
]);

/** What is observed comes first, and these fill the gaps. */
export const attributes: Kind<Readonly<Record<string, string>>> = {
  type: 'repeated',
  placeholder: 'K=V',
  expects: 'a name and a value such as tenant=blue',
  explain: (text) => {
    const taken = text
      .split('\n')
      .map((pair) => parsePair(pair)?.[0] ?? '')
      .find((key) => observed.has(key));
    return taken && `${taken} is observed of each host or process, and not for you to say; choose another name`;
  },
  parse: (text) => readPairs(text, ([key]) => !observed.has(key)),
};

function readPairs(text: string, isGood: (pair: readonly [string, string]) => boolean) {
  if (text === '') return {};
  const read = text.split('\n').map(parsePair);
  return read.every((pair) => pair && isGood(pair)) ? Object.fromEntries(read as [string, string][]) : undefined;
}
