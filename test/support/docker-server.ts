/** A Docker daemon that answers what the test tells it to, on a unix socket. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { inTime } from './processes.ts';

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export class DockerServer {
  /** By the beginning of the path; the first that fits. Others get 404. */
  readonly answers = new Map<string, Answer>();
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<ServerResponse>();
  #heard = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.answers.set('/events', (response) => {
      response.flushHeaders();
      this.#listeners.add(response);
      this.#heard.resolve();
    });
    this.answers.set('/containers/json', (response) => response.end('[]'));
  }

  static async start(path: string): Promise<DockerServer> {
    const server = new DockerServer();
    server.#server.listen(path);
    await once(server.#server, 'listening');
    return server;
  }

  /** What `docker inspect` would say. */
  container(id: string, name: string, image: string, labels: Readonly<Record<string, string>> = {}): void {
    const text = JSON.stringify({ Id: id, Name: `/${name}`, Config: { Image: image, Labels: labels } });
    this.answers.set(`/containers/${id}/`, (response) => response.end(text));
  }

  /** Somebody listens for events. */
  get heard(): Promise<void> {
    return inTime(this.#heard.promise, () => `asked: ${this.asked.join(' ')}`);
  }

  event(action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    this.raw(`${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id, Attributes: attributes } })}\n`);
  }

  /** Text into the stream of events. */
  raw(text: string): void {
    for (const listener of this.#listeners) listener.write(text);
  }

  /** As if it were killed: all connections break. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.asked.push(path);
    const found = [...this.answers].find(([start]) => path.startsWith(start));
    if (found) found[1](response, request);
    else response.writeHead(404).end('{"message":"No such container"}');
  }
}
