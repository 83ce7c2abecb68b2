/** What an agent says of many sockets that live, move and end. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { ExecutionContext } from 'ava';
import { attribute, type JsonRecord, startAgent } from './agent.ts';
import { gather, memoryOf, readerTime } from './crowd.ts';
import { allEnded, shell, watching } from './lab.ts';
import { type Namespace, withNamespace } from './netns.ts';
import { settled } from './processes.ts';
import { books } from './summary.ts';
import { temporaryDirectory } from './temporary.ts';

/** Reads a file of records as it grows, and keeps of each end only the last totals that were said of it, and their growth. */
class Tail {
  readonly sent = new Map<string, number>();
  readonly received = new Map<string, number>();
  readonly growth = new Map<string, number>();
  ends = 0;
  readonly #fd: number;
  readonly #decoder = new StringDecoder('utf8');
  readonly #block = Buffer.alloc(1 << 20);
  #rest = '';

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
  }

  read(): void {
    for (let n = readSync(this.#fd, this.#block); n > 0; n = readSync(this.#fd, this.#block)) {
      const lines = (this.#rest + this.#decoder.write(this.#block.subarray(0, n))).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#add(JSON.parse(line));
    }
  }

  #add(record: JsonRecord): void {
    if (!record.event_name.endsWith('update')) this.ends++;
    const end = `${attribute(record, 'sockflow.connection.role')} ${attribute(record, 'sockflow.connection.id')}`;
    this.sent.set(end, Number(attribute(record, 'sockflow.connection.sent.bytes')));
    this.received.set(end, Number(attribute(record, 'sockflow.connection.received.bytes')));
    const moved = ['sent', 'received'].map((way) =>
      Number(attribute(record, `sockflow.connection.${way}.bytes.delta`)),
    );
    this.growth.set(
      end,
      moved.reduce((sum, delta) => sum + delta, this.growth.get(end) ?? 0),
    );
  }

  /** How many ends have said that they sent or received so many bytes in all. */
  having(bytes: number): number {
    this.read();
    const have = (totals: Map<string, number>) => [...totals.values()].filter((total) => total === bytes).length;
    return have(this.sent) + have(this.received);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Of so many live sockets each that moves has its update, each that ends its record, and nothing is told twice. */
export async function crowdIsTold(t: ExecutionContext, sockets: number): Promise<void> {
  const file = join(temporaryDirectory(t), 'records');
  await withNamespace((namespace) => observeCrowd(t, namespace, { file, sockets }));
}

interface Observation {
  readonly file: string;
  readonly sockets: number;
}

async function observeCrowd(t: ExecutionContext, namespace: Namespace, { file, sockets }: Observation): Promise<void> {
  const stdout = openSync(file, 'w');
  const options = ['--events', 'update,close,failed', '--interval', '2s', '--shutdown-timeout', '40s'];
  const { clients, servers, move } = await gather(namespace, sockets); // older than the agent, so the search for them is part of it
  const began = performance.now();
  const agent = await startAgent(watching(namespace, ...options), { stdout });
  closeSync(stdout);
  t.log(
    `ready after ${Math.round(performance.now() - began)} ms with ${sockets} sockets, ${memoryOf(agent.pid).now} MiB`,
  );
  const tail = new Tail(file);
  try {
    for (const bytes of [0, 1, 2]) {
      const before = readerTime(agent.pid);
      if (bytes > 0) await move();
      // Of a connection, one end sends and the other receives. Before they are used both have neither.
      const wanted = bytes > 0 ? sockets : 2 * sockets;
      const have = await settled(
        () => tail.having(bytes),
        (count) => count === wanted,
        30_000,
      );
      t.is(have, wanted);
      const { now, most } = memoryOf(agent.pid);
      t.log(
        `${bytes} bytes each: ${now} MiB (at most ${most}), reader thread ${Math.round(readerTime(agent.pid) - before)} ms`,
      );
    }
    // One side first: of ends that die at the same moment, the kernel may keep one for a minute.
    await Promise.all(clients.map((client) => client.kill()));
    const established = () => shell(namespace, 'ss -Htan state established');
    t.is(await settled(established, (left) => left === ''), '');
    await Promise.all(servers.map((server) => server.kill()));
    t.is(await allEnded(namespace), '');
    const { summary } = await agent.stop();
    tail.read();
    const { opened, closed, live, lost } = books(summary);
    t.log(summary);
    t.deepEqual({ opened, closed, live, lost }, { opened: sockets, closed: sockets, live: 0, lost: {} });
    t.notRegex(summary, /dropped/, 'the ring was read while the snapshot filled it');
    t.is(tail.ends, sockets);
    t.is(tail.sent.size, sockets, 'each kept its id');
    t.deepEqual(new Set(tail.growth.values()), new Set([2]), 'what moved was told once');
  } finally {
    tail.close();
    await agent.kill9();
  }
}
