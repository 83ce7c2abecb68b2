/** A connection to a gRPC server that is made when it is needed, and made anew when it has ended. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as dial, isIP, type Socket } from 'node:net';
import { connect as dialTls } from 'node:tls';
import type { Certificates } from './certificates.ts';
import { type Answered, type Call, type CallFailure, callUnary, codes } from './grpc-call.ts';
import { findProxy, openTunnel, portOf } from './proxy.ts';

export interface Channel {
  /** Never rejects. */
  call(call: Call): Promise<Answered | CallFailure>;
  /** What is under way goes on; the next call has a new connection. */
  renew(): void;
  /** Ends what is under way as well. */
  close(): void;
}

/** `trust`: asked at each connect; undefined: no TLS. */
export function createChannel(url: URL, trust: (() => Certificates) | undefined): Channel {
  let connection: Connection | undefined;
  /** Those on which something may be under way. */
  const replaced = new Set<Connection>();
  const current = (deadline: number): Connection => {
    if (!connection?.isUsable) connection = new Connection(url, trust?.(), deadline);
    return connection;
  };
  return {
    async call(call) {
      const outcome = await current(call.deadline).call(call);
      // A server that goes away in order says so while calls are on their way to it: it hasn't begun with these.
      const isRefused = !('answer' in outcome) && outcome.by === 'refused';
      return isRefused ? current(call.deadline).call(call) : outcome;
    },
    renew() {
      for (const old of replaced) if (old.isGone) replaced.delete(old);
      if (connection) replaced.add(connection);
      connection?.end();
      connection = undefined;
    },
    close() {
      for (const one of [connection, ...replaced]) one?.destroy();
      replaced.clear();
      connection = undefined;
    },
  };
}

class Connection {
  /** Calls that begin now can have it. */
  isUsable = true;
  readonly #session: Promise<ClientHttp2Session>;
  #socket: Socket | undefined;
  /** Why it ended, or could not be made. */
  #error: Error | undefined;
  /** performance.now() at which all its calls are over. */
  #lastDeadline = 0;

  constructor(url: URL, certificates: Certificates | undefined, deadline: number) {
    this.#session = this.#open(url, certificates, deadline);
    this.#session.catch(() => this.#onEnd());
  }

  async call(call: Call): Promise<Answered | CallFailure> {
    this.#lastDeadline = Math.max(this.#lastDeadline, call.deadline);
    try {
      const outcome = await callUnary(await this.#session, call);
      // Why the connection ended says more than that the stream did.
      const isBroken = !('answer' in outcome) && outcome.by === 'nobody' && outcome.code === codes.unavailable;
      return isBroken && this.#error ? { ...outcome, words: this.#error.message } : outcome;
    } catch (error) {
      return { code: codes.unavailable, words: (error as Error).message, by: 'nobody' };
    }
  }

  /** What is under way may end in order, but a connection on which nothing moves would keep its memory for a quarter of an hour. */
  end(): void {
    this.isUsable = false;
    const left = Math.max(0, this.#lastDeadline - performance.now());
    this.#with((session) => {
      session.close();
      // The session itself would first write to its end what is stuck.
      setTimeout(() => this.#socket?.destroy(), left).unref();
    });
  }

  destroy(): void {
    this.isUsable = false;
    this.#with((session) => {
      session.destroy();
      this.#socket?.destroy();
    });
  }

  get isGone(): boolean {
    return this.#socket?.destroyed ?? false;
  }

  #with(task: (session: ClientHttp2Session) => void): void {
    this.#session.then(task, () => undefined);
  }

  async #open(url: URL, certificates: Certificates | undefined, deadline: number): Promise<ClientHttp2Session> {
    const proxy = findProxy(url);
    const tunnel = proxy && (await openTunnel(proxy, url, deadline));
    const socket = openSocket(url, certificates, tunnel);
    this.#socket = socket;
    const session = connect(authorityOf(url), {
      // What may be under way is bounded by whoever sends it.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
      settings: { enablePush: false },
      createConnection: () => socket,
    });
    session.on('error', (error) => {
      this.#error = error;
      this.#onEnd();
    });
    session.once('goaway', () => this.#onEnd());
    session.once('close', () => this.#onEnd());
    return session;
  }

  #onEnd(): void {
    this.isUsable = false;
  }
}

/** The path of a socket is no name of a host, and servers refuse it as one. */
function authorityOf(url: URL): string {
  return url.protocol === 'unix:' ? 'http://localhost' : `${url.protocol}//${url.hostname}:${portOf(url)}`;
}

/** `tunnel`: the way to the server, where there is one already. */
function openSocket(url: URL, certificates: Certificates | undefined, tunnel: Socket | undefined): Socket {
  if (url.protocol === 'unix:') return dial(url.pathname);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(portOf(url));
  if (!certificates) return tunnel ?? dial({ host, port, noDelay: true });
  const { ca, cert, key } = certificates;
  const identity = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const name = isIP(host) === 0 ? { servername: host } : {};
  const way = tunnel ? { socket: tunnel } : { noDelay: true };
  return dialTls({ ...identity, ...name, host, port, ALPNProtocols: ['h2'], ...way });
}
