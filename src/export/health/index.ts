/**
 * `--health`: whether the agent lives (/livez), whether it watches (/readyz) and its own metrics (/metrics), for whoever
 * asks over HTTP at the address that was given. It is an output that takes no records.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type IMetricReader, MetricReader } from '@opentelemetry/sdk-metrics';
import { StartError } from '../../errors.ts';
import type { Exporter } from '../../model.ts';
import { contentType, formatPrometheus } from './prometheus.ts';

/** Where it listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface HealthOptions {
  readonly address: Address;
  /** Everything is attached, and the first snapshot is done. */
  readonly isReady: () => boolean;
}

export interface Health {
  readonly exporter: Exporter;
  /** What /metrics shows is read through this one. */
  readonly reader: IMetricReader;
}

/** Whoever needs longer, or wants more at once, is no scraper. */
const LONGEST_REQUEST = 5_000;
const MOST_CONNECTIONS = 64;

/** Throws StartError when it can't listen there. */
export async function openHealth({ address, isReady }: HealthOptions): Promise<Health> {
  const reader = new PullReader();
  let isClosing = false;
  const pages: Readonly<Record<string, (response: ServerResponse) => Promise<void> | void>> = {
    '/livez': (response) => answer(response, 200, 'ok\n'),
    '/readyz': (response) =>
      isReady() && !isClosing
        ? answer(response, 200, 'ok\n')
        : answer(response, 503, isClosing ? 'stopping\n' : 'starting\n'),
    '/metrics': (response) => answerMetrics(response, reader),
  };
  const server = createServer({
    requestTimeout: LONGEST_REQUEST,
    headersTimeout: LONGEST_REQUEST,
    maxHeaderSize: 8192,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('request', (request, response) => void serve(request, response, pages));
  server.listen(address.port, address.host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw explain(error, address);
  });
  // From now on a failure is that of one connection.
  server.on('error', () => undefined);
  server.unref();
  return { reader, exporter: { name: `health on ${format(address)}`, export: () => undefined, shutdown: close } };

  async function close(): Promise<void> {
    isClosing = true;
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  pages: Readonly<Record<string, (response: ServerResponse) => Promise<void> | void>>,
): Promise<void> {
  const path = (request.url ?? '').replace(/\?.*$/s, '');
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return answer(response, 405, 'only GET and HEAD\n');
  }
  if (!page) return answer(response, 404, `no such page; there are ${Object.keys(pages).join(', ')}\n`);
  try {
    await page(response);
  } catch {
    answer(response, 500, 'the metrics could not be read\n');
  }
}

async function answerMetrics(response: ServerResponse, reader: MetricReader): Promise<void> {
  const { resourceMetrics } = await reader.collect();
  answer(response, 200, formatPrometheus(resourceMetrics), contentType);
}

/** Of HEAD, Node leaves the text out by itself. */
function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

/** Collects when it is asked. */
class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

function explain({ code, message }: NodeJS.ErrnoException, address: Address): StartError {
  const where = `--health ${format(address)}`;
  if (code === 'EADDRINUSE') return new StartError(`${where} is in use by another program`, 'choose another port');
  if (code === 'EADDRNOTAVAIL') return new StartError(`${where} is no address of this host`, 'choose one of its own');
  if (code === 'EACCES') return new StartError(`${where} may not be listened on`, 'choose a port above 1023');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new StartError(`${where} has no address`, 'give the address itself');
  return new StartError(`${where} can't be listened on: ${message}`, 'choose another address');
}

function format({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
