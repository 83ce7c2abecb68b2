/**
 * captures ADDON-ROOT ROUNDS [workers]: opens and closes captures while there is traffic, and says after each round what
 * the process still holds, a line of JSON. With `workers` they live in worker threads that are terminated under load.
 * Needs node --expose-gc.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type CaptureOptions, loadAddon, type NativeCapture } from '../../src/capture/native.ts';
import { objectsOf } from '../support/bpf.ts';

const OPTIONS: CaptureOptions = {
  ringBytes: 2 ** 20,
  maxConnections: 4096,
  maxFlows: 4096,
  flowIdle: 1000,
  onlyNetworkNamespace: 0,
  emitOpen: true,
  commandArgs: false,
  retransmits: true,
  resets: true,
  drops: true,
  listeners: true,
  existing: true,
  details: true,
  updates: true,
  idleUpdates: true,
  tcp: true,
  udp: true,
  dns: true,
};

if (isMainThread) await main();
else live(workerData);

async function main(): Promise<void> {
  const [root = '', rounds = '', kind] = process.argv.slice(2);
  const round = kind === 'workers' ? terminateWorkers : openAndClose;
  const server = createServer((socket) => socket.on('error', () => undefined).end('x'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  for (let i = 0; i < Number(rounds); i++) {
    const seen = await round(root, server);
    await forget();
    console.log(JSON.stringify({ seen, ...held() }));
  }
  server.close();
}

interface Opened {
  readonly native: NativeCapture;
  readonly ended: Promise<void>;
  bytes: number;
}

function open(root: string): Opened {
  const { promise, resolve } = Promise.withResolvers<void>();
  const native = new (loadAddon(root).Capture)(OPTIONS);
  const opened: Opened = { native, ended: promise, bytes: 0 };
  const onBatch = (_: ArrayBuffer, length: number) => {
    opened.bytes += length;
    setImmediate(() => native.turnEnded());
  };
  native.start(onBatch, resolve);
  return opened;
}

/** One that works, two at a time, one that is never started, and one that cannot be. Returns the bytes of their records. */
async function openAndClose(root: string, server: Server): Promise<number> {
  const captures = [open(root), open(root)];
  const { Capture } = loadAddon(root);
  new Capture(OPTIONS);
  new Capture(OPTIONS).stop();
  try {
    new Capture({ ...OPTIONS, maxFlows: 0 });
    throw new Error('a table without room was made');
  } catch (error) {
    if (!/^cannot load the BPF programs: /.test((error as Error).message)) throw error;
  }
  await makeTraffic(server, () => {
    for (const { native } of captures) {
      native.requestSnapshot();
      native.counts();
    }
  });
  for (const { native } of captures) native.stop();
  await Promise.all(captures.map(({ ended }) => ended));
  return Math.min(...captures.map(({ bytes }) => bytes));
}

async function terminateWorkers(root: string, server: Server): Promise<number> {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url), { workerData: root }));
  const batches = workers.map((worker) => once(worker, 'message'));
  const traffic = makeTraffic(server);
  const seen = await Promise.all(batches);
  const more = makeTraffic(server);
  await Promise.all(workers.map((worker) => worker.terminate()));
  await Promise.all([traffic, more]);
  return Math.min(...seen.flat());
}

/** In a worker: until it is terminated. */
function live(root: string): void {
  const opened = open(root);
  setInterval(() => {
    opened.native.requestSnapshot();
    if (opened.bytes > 0) parentPort?.postMessage(opened.bytes);
  }, 10);
}

/** TCP that works and that is refused, and UDP; calls back in between. */
async function makeTraffic(server: Server, callback = () => {}): Promise<void> {
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < 20; i++) {
    await once(connect(port, '127.0.0.1').resume(), 'close');
    await once(connect(1, '127.0.0.1'), 'error');
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.send('x', socket.address().port, '127.0.0.1');
    await once(socket, 'message');
    socket.close();
    callback();
  }
}

/** What is freed by the collector and in a turn after it. */
async function forget(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await turn();
  }
}

function held(): { rss: number; descriptors: number; objects: number } {
  const objects = Object.values(objectsOf(process.pid)).reduce((sum, ids) => sum + ids.size, 0);
  return { rss: process.memoryUsage.rss(), descriptors: readdirSync('/proc/self/fd').length, objects };
}
