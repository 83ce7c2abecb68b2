/** What container runtimes answer over gRPC: the Container Runtime Interface, and containerd's own. */
import { type Containerd, createContainerd } from '../../../src/enrich/runtime/containerd.ts';
import { createCri } from '../../../src/enrich/runtime/cri.ts';
import { CallError, type Connection } from '../../../src/enrich/runtime/grpc.ts';
import { damagedBytes } from '../lib/bytes.ts';
import { seedsOf } from '../lib/corpus.ts';
import { field, text } from '../lib/protobuf.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const ID = 'a1'.repeat(8);
const label = (number: number) => field(number, ...text(1, 'app'), ...text(2, 'shop'));
const pod = [...field(2, ...text(1, 'web-0'), ...text(2, 'u-1'), ...text(3, 'shop')), ...label(7), ...label(8)];
const container = [
  ...text(1, ID),
  ...text(2, 'pod'),
  ...field(3, ...text(1, 'web')),
  ...field(4, ...text(1, 'shop/web:1')),
  ...label(8),
];
const own = [
  ...text(1, ID),
  ...label(2),
  ...text(3, 'shop/web:1'),
  ...field(5, ...text(2, '{"linux":{"cgroupsPath":"/x"}}')),
];

const made = [
  field(1, ...container),
  field(1, ...field(8, ...text(1, 'shop/web:1'), ...text(18, 'web'))),
  field(1, ...pod),
  Buffer.from([...text(1, ID), ...field(4, ...field(2, ...text(1, 'w'))), ...field(5, ...text(1, ID), ...label(12))]),
  Buffer.from([...text(2, 'containerd'), ...text(3, 'v2')]),
  field(1, ...text(1, 'default')),
  field(1, ...own),
  Buffer.from([...text(2, 'default'), ...text(3, '/containers/create'), ...field(4, ...field(2, ...text(1, ID)))]),
];

export const cri: Target = {
  name: 'cri',
  reads: 'answers of container runtimes over gRPC',
  few: 1_000,
  open() {
    const seeds = seedsOf('cri', ...made);
    let answer: Buffer = Buffer.alloc(0);
    const connection = answering(() => answer);
    const ofCri = createCri('', 0, connection);
    const ofContainerd = createContainerd('', 0, connection);
    return {
      make: (random: Random) => damagedBytes(seeds, random),
      async judge(input) {
        answer = input;
        const found = await Promise.all(
          [ofCri.find(ID), ofCri.version(), ...askContainerd(ofContainerd)].map(unlessRefused),
        );
        let told = 0;
        ofCri.watch({ onContainer: () => told++, onEnd: () => undefined });
        ofContainerd.watch({ onCreated: () => told++, onStarted: () => told++, onEnd: () => undefined });
        expect(told <= 2, `one message was told ${told} times`);
        for (const each of found) check(each);
        return told > 0 || found.some((each) => each !== undefined);
      },
    };
  },
};

function askContainerd(containerd: Containerd): Promise<unknown>[] {
  return [containerd.find(ID), containerd.get('default', ID), containerd.list()];
}

async function unlessRefused(question: Promise<unknown>): Promise<unknown> {
  return question.catch((error) => {
    if (!(error instanceof CallError)) throw error;
  });
}

/** As gRPC does: what cannot be read is told as malformed. */
function answering(answer: () => Buffer): Connection {
  const read = <Answer>(decode: (bytes: Uint8Array) => Answer): Answer => {
    try {
      return decode(answer());
    } catch (error) {
      expect(error instanceof RangeError || error instanceof TypeError, `${error}`);
      throw new CallError('malformed', String(error));
    }
  };
  return {
    call: async ({ decode }) => read(decode),
    stream(method, _, { onData, onEnd }) {
      try {
        onData(read(method.decode));
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        onEnd(error);
      }
      return () => undefined;
    },
    close: () => undefined,
  };
}

/** What comes of an answer is texts, maps of texts, and lists of such. */
function check(value: unknown): void {
  if (value === undefined || typeof value === 'string') return;
  expect(typeof value === 'object' && value !== null, `a ${typeof value}`);
  const parts = value instanceof Map ? [...value].flat() : Object.values(value as object);
  for (const part of parts) check(part);
}
