/** A TCP proxy before a server that behaves as bad as networks and servers do, and changes its mind when it is told to. */
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/**
 * pass: as it should be. hang: takes connections and reads nothing. swallow: reads, never answers. halfOpen: what is
 * connected stays so and nothing moves any more, as after a cable was pulled. garbage: answers noise. reset: ends each
 * connection with a reset as soon as there is data. lateReset: lets the request through and resets before the answer.
 * drip: a hundred bytes at a time, both ways.
 */
export type Mood = 'pass' | 'hang' | 'swallow' | 'halfOpen' | 'garbage' | 'reset' | 'lateReset' | 'drip';

export interface FaultProxy {
  readonly endpoint: string;
  /** Connections that were taken so far. */
  readonly connections: number;
  /** For what comes from now on, on old connections too. */
  set(mood: Mood): void;
  stop(): void;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let mood: Mood = 'pass';
  let connections = 0;
  const sockets = new Set<Socket>();
  const { port } = new URL(target);
  const server = createServer({ pauseOnConnect: true }, (client) => {
    connections++;
    const upstream = dial(Number(port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => mood === 'halfOpen' || client.destroy());
    client.on('data', (bytes) => toServer(bytes, client, upstream));
    upstream.on('data', (bytes) => toClient(bytes, client));
    if (mood !== 'hang') client.resume();
  });
  /** Something was dropped on them. TCP leaves no gaps, so nothing comes through behind one. */
  const broken = new WeakSet<Socket>();
  const toServer = (bytes: Buffer, client: Socket, upstream: Socket) => {
    if (['garbage', 'swallow', 'halfOpen'].includes(mood)) broken.add(client);
    if (mood === 'garbage') return void client.write(Buffer.alloc(1000, 0xa5));
    if (mood === 'reset') return void client.resetAndDestroy();
    if (broken.has(client)) return;
    if (mood === 'drip') return drip(bytes, upstream, client);
    upstream.write(bytes);
  };
  const toClient = (bytes: Buffer, client: Socket) => {
    if (mood === 'swallow' || mood === 'halfOpen') broken.add(client);
    if (broken.has(client)) return;
    // Settings come at once; what is longer or later is an answer.
    if (mood === 'lateReset' && isAnswer(bytes)) return void client.resetAndDestroy();
    client.write(bytes);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    set(next) {
      mood = next;
      if (mood === 'hang') for (const socket of sockets) socket.pause();
      else for (const socket of sockets) if (!dripping.has(socket)) socket.resume();
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Frames of HTTP/2 of the type HEADERS are how each answer begins. */
function isAnswer(bytes: Buffer): boolean {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === 1) return true;
  return false;
}

const dripping = new WeakSet<Socket>();

function drip(bytes: Buffer, to: Socket, from: Socket): void {
  from.pause();
  dripping.add(from);
  let at = 0;
  const timer = setInterval(() => {
    to.write(bytes.subarray(at, at + 100));
    at += 100;
    if (at < bytes.length) return;
    clearInterval(timer);
    dripping.delete(from);
    from.resume();
  }, 1);
  from.once('close', () => clearInterval(timer));
}
