/** What Docker and Podman answer over HTTP: one container, the list of them, a stream of events. */
import { UnreadableError } from '../../../src/enrich/http.ts';
import { createDocker } from '../../../src/enrich/runtime/docker.ts';
import type { Found } from '../../../src/enrich/runtime/runtime.ts';
import { answering, parts } from '../lib/answer.ts';
import { seedsOf } from '../lib/corpus.ts';
import { damagedJson } from '../lib/json.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const labels = {
  tier: 'web',
  'com.docker.compose.project': 'shop',
  'io.kubernetes.pod.uid': 'u',
  'io.kubernetes.pod.name': 'p',
  'io.kubernetes.pod.namespace': 'n',
};
const container = { Id: 'c1', Name: '/web', Config: { Image: 'shop/web:1.2', Labels: labels } };
const list = [
  { Id: 'c1', Names: ['/web', '/other/alias'], Image: 'shop/web:1.2', Labels: labels },
  { Id: 'c2', Names: ['/x'], Image: 'sha256:00' },
];
const event = {
  Type: 'container',
  Action: 'create',
  Actor: { ID: 'c1', Attributes: { name: 'web', image: 'shop/web', ...labels } },
};

/** Between the three answers of an input. */
const BETWEEN = 0xff;

export const docker: Target = {
  name: 'docker',
  reads: 'answers of Docker and Podman',
  few: 1_000,
  open() {
    const seeds = seedsOf('docker');
    let answers: readonly Buffer[] = [];
    let asked = 0;
    const open = answering(() => answers[asked++ % answers.length] ?? Buffer.alloc(0));
    const runtime = createDocker({ name: 'docker', socket: '', labels: ['tier', '__proto__'], patience: 60_000, open });
    return {
      make: (random: Random) => (seeds.length > 0 && random.oneIn(16) ? random.pick(seeds) : makeAnswers(random)),
      async judge(input) {
        answers = parts(input, BETWEEN);
        asked = 0;
        const found: (Found | undefined)[] = [];
        const { signal } = new AbortController();
        found.push(await unlessRefused(runtime.find('c1', signal)));
        const events = { onConnected: () => undefined, onFound: (_: string, one: Found) => void found.push(one) };
        await unlessRefused(runtime.watch(events, signal));
        for (const each of found) if (each) check(each);
        return found.some((each) => each !== undefined);
      },
    };
  },
};

function makeAnswers(random: Random): Buffer {
  const lines = Array.from({ length: random.below(4) }, () => `${damagedJson(event, random)}\n`);
  const bodies = [damagedJson(container, random), lines.join(''), damagedJson(list, random)];
  return Buffer.concat(bodies.flatMap((body) => [Buffer.of(random.below(254)), Buffer.from(body), Buffer.of(BETWEEN)]));
}

/** An answer of another kind is an error in words, which the asker counts; a mistake of ours is a TypeError. */
async function unlessRefused<Value>(question: Promise<Value>): Promise<Value | undefined> {
  return question.catch((error) => {
    const isOwn =
      error instanceof UnreadableError || error instanceof SyntaxError || /^(no |HTTP status )/.test(error.message);
    if (!isOwn) throw error;
    return undefined;
  });
}

function check({ container: { name, imageName, imageTags = [], labels: kept = {} }, pod }: Found): void {
  for (const value of [name, imageName]) expect(value === undefined || typeof value === 'string', `name ${value}`);
  for (const value of [...imageTags, ...Object.values(kept), ...Object.values(pod ?? {})])
    expect(typeof value === 'string', `value ${value}`);
  expect(
    Object.keys(kept).every((key) => key === 'tier' || key === '__proto__'),
    'a label that nobody asked for',
  );
}
