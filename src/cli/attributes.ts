/** `--attribute`: what the user adds to every resource. */
import { hostAttributes, resourceAttributes } from '../export/semconv.ts';
import { type Kind, readPairs } from './kinds.ts';
import { parsePair } from './units.ts';

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
