/** Kubeconfig files, written by many programs. */

import { kubeconfigAccess } from '../../../src/enrich/kubernetes/access.ts';
import { StartError } from '../../../src/errors.ts';
import { seedsOf } from '../lib/corpus.ts';
import { inputFile } from '../lib/files.ts';
import { damagedJson } from '../lib/json.ts';
import type { Random } from '../lib/random.ts';
import { expect, refusing, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

const whole = {
  ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
  contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  clusters: [
    {
      name: 'k',
      cluster: { server: 'https://10.0.0.1:6443', 'certificate-authority-data': 'YQ==', 'tls-server-name': 'x' },
    },
  ],
  users: [{ name: 'u', user: { token: 'secret', 'client-key-data': 'YQ==' } }],
};
const yaml = `current-context: c
contexts: [{name: c, context: &x {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
`;
const words = [
  'current-context: ',
  'server: ',
  'token: ',
  '&a ',
  '*a',
  '*x',
  '<<: ',
  '!!binary ',
  '!!set ',
  '- ',
  '? ',
  '{',
  '[',
  'exec: {}\n',
  '\n',
  '  ',
];

export const kubeconfig: Target = {
  name: 'kubeconfig',
  reads: 'kubeconfig files',
  few: 400,
  inputs: 400_000,
  longest: 500,
  open() {
    const file = inputFile('config');
    const seeds = seedsOf('kubeconfig', yaml, JSON.stringify(whole));
    return {
      make: (random: Random) =>
        random.oneIn(2) ? Buffer.from(damagedJson(whole, random)) : damagedText(seeds, words, random),
      judge(input) {
        file.put(input);
        const access = silently(() => refusing(() => kubeconfigAccess(file.path), StartError));
        if (!access) return false;
        expect(
          /^https?:$/.test(URL.parse(access.server)?.protocol ?? '') && !access.server.endsWith('/'),
          `server ${access.server}`,
        );
        for (const value of Object.values(access.credentials()))
          expect(value === undefined || typeof value !== 'object', `credential ${value}`);
        return true;
      },
      close: () => file.remove(),
    };
  },
};

/** What is written to stderr by itself may show a secret. */
function silently<Value>(read: () => Value): Value {
  const { emitWarning } = process;
  process.emitWarning = (warning) => {
    throw new Error(`a warning: ${String(warning).split('\n', 1)[0]}`);
  };
  try {
    return read();
  } finally {
    process.emitWarning = emitWarning;
  }
}
