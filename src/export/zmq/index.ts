/** The bridge to ntopng: flows for every endpoint that was given. */
import { createHash } from 'node:crypto';
import { procOf } from '../../capture/proc.ts';
import type { ProcessFiles } from '../../capture/process-files.ts';
import type { Options } from '../../cli/options.ts';
import { StartError } from '../../errors.ts';
import type { Ledger } from '../../ledger.ts';
import type { Log } from '../../log.ts';
import type { ConnectionRecord, Exporter } from '../../model.ts';
import type { Selection } from '../../select.ts';
import { machineIdFile, readHost } from '../host.ts';
import type { Host } from '../semconv.ts';
import type { Endpoint } from './endpoint.ts';
import { createEvents, type Totals } from './event.ts';
import { type Flow, inParts, isFlow } from './flow.ts';
import { createFlows, type Flows } from './flows.ts';
import { createJsonEncoding } from './json.ts';
import { createLegacyEncoding } from './legacy.ts';
import { type Encoding, MOST_FLOWS, Packer, type Payload } from './message.ts';
import { createPorts } from './ports.ts';
import { Publisher } from './publisher.ts';
import { createTlvEncoding } from './tlv.ts';
import { loadZeroMq, openSocket } from './zeromq.ts';

export interface ZmqContext {
  readonly options: Pick<
    Options,
    'zmq' | 'zmqFormat' | 'zmqEncryptionKey' | 'zmqContainer' | 'interval' | 'maxConnections' | 'queueSize' | 'hostRoot'
  >;
  readonly selection: Pick<Selection, 'flows'>;
  /** Of the host's processes; by itself where nobody else looks at them. */
  readonly files?: ProcessFiles | undefined;
  readonly ledger: Ledger;
  readonly log: Pick<Log, 'warn' | 'limited' | 'debug'>;
}

const encodings = { tlv: createTlvEncoding, json: createJsonEncoding, legacy: createLegacyEncoding };

/** Milliseconds: how long a flow waits for others, and how often ntopng hears of us. */
const FLUSH_AFTER = 1_000;
const EVENT_EVERY = 5_000;
const PORTS_EVERY = 30_000;

/** Throws StartError when an endpoint can't be had, or there is no ZeroMQ. */
export async function createZmqExporter(context: ZmqContext): Promise<Exporter> {
  const { options } = context;
  const host = readHost(machineIdFile(options.hostRoot));
  const exporter = new NtopngExporter(context, encodings[options.zmqFormat](options.zmqContainer), host);
  await exporter.open(options.zmq);
  return exporter;
}

class NtopngExporter implements Exporter {
  readonly name = 'ntopng';
  readonly #context: ZmqContext;
  readonly #encoding: Encoding;
  readonly #flows: Flows;
  readonly #packer: Packer;
  readonly #publishers: { readonly name: string; readonly publisher: Publisher }[] = [];
  readonly #totals: Totals = { bytes: 0, packets: 0, flows: 0, dropped: 0, tooLarge: 0 };
  readonly #sourceId: number;
  readonly #createEvent: (totals: Readonly<Totals>, now: number) => Buffer;
  readonly #readPorts: () => Promise<Buffer | undefined>;
  readonly #timers: NodeJS.Timeout[] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(context: ZmqContext, encoding: Encoding, host: Host) {
    const { maxConnections, zmqFormat, interval } = context.options;
    this.#context = context;
    this.#encoding = encoding;
    this.#flows = createFlows({ most: maxConnections, bothEnds: zmqFormat === 'legacy' });
    this.#packer = new Packer(encoding);
    this.#sourceId = sourceIdOf(host);
    this.#readPorts = createPorts({ proc: procOf(context.options.hostRoot), files: context.files });
    this.#createEvent = createEvents({ host, sourceId: this.#sourceId, interval });
  }

  async open(endpoints: readonly Endpoint[]): Promise<void> {
    const library = await loadZeroMq();
    const { zmqEncryptionKey, queueSize } = this.#context.options;
    for (const [index, endpoint] of endpoints.entries()) {
      const name = endpoints.length === 1 ? this.name : `${this.name}-${index + 1}`;
      const socket = await openSocket(library, endpoint, zmqEncryptionKey).catch((error) =>
        this.#refuse(endpoint, error),
      );
      this.#sayFailures(socket, endpoint);
      const publisher = this.#publish(name, socket, queueSize / endpoints.length);
      this.#context.ledger.queues.set(name, () => publisher.queuedBytes);
      this.#publishers.push({ name, publisher });
    }
    this.#timers.push(setInterval(() => this.#tellEvent(), EVENT_EVERY).unref());
    this.#timers.push(setInterval(() => this.#tellPorts(), PORTS_EVERY).unref());
  }

  async #refuse({ address, connects }: Endpoint, error: Error): Promise<never> {
    for (const { publisher } of this.#publishers) await publisher.close(0);
    throw new StartError(
      `--zmq cannot ${connects ? 'connect to' : 'listen on'} ${address}: ${error.message}`,
      'is another program there, or is it no address of this host?',
      { cause: error },
    );
  }

  #sayFailures(socket: Awaited<ReturnType<typeof openSocket>>, { address }: Endpoint): void {
    const { log } = this.#context;
    const message =
      `ntopng at ${address} and sockflow do not understand each other: ` +
      "one of them wants encryption (--zmq-encryption-key), or the key is not the other one's";
    for (const event of ['handshake:error:protocol', 'handshake:error:auth', 'handshake:error:other'] as const)
      socket.events.on(event, () => log.limited('warn', `zmq ${address}`, message));
  }

  #publish(name: string, socket: Awaited<ReturnType<typeof openSocket>>, limit: number): Publisher {
    const { ledger, log } = this.#context;
    const { head, tail, version } = this.#encoding;
    const publisher = new Publisher({
      socket,
      version,
      source: (this.#sourceId % 255) + 1,
      limit,
      onSent: ({ records }) => ledger.deliver(name, records),
      onLost: ({ records, flows }, reason) => {
        ledger.lose('export', `ntopng_${reason}`, records);
        if (reason === 'queue_full') this.#totals.dropped += flows;
      },
      onSubscriber: (topics) => {
        if (topics.includes('event')) publisher.tell('event', this.#event());
        if (topics.includes('listening-ports')) this.#tellPorts();
      },
      last: { event: () => this.#event(), flow: Buffer.concat([head, tail]) },
      onError: (error) => log.limited('error', `zmq ${name}`, `${name}: ${error.message}`),
    });
    socket.events.on('disconnect', () => publisher.onDisconnect());
    return publisher;
  }

  export(records: readonly ConnectionRecord[]): void {
    const { selection, ledger } = this.#context;
    for (const record of records) {
      if (!isFlow(record) || !selection.flows(record)) continue;
      if (this.#closed) this.#each(() => ledger.lose('export', 'ntopng_shutdown'));
      else this.#flows.add(record);
    }
    // Behind the last one: the two ends of a connection come one behind the other.
    if (this.#flows.size >= MOST_FLOWS) this.#flush();
    if (this.#flows.size > 0) this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_AFTER).unref();
  }

  #each(act: (name: string) => void): void {
    for (const { name } of this.#publishers) act(name);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const flows = this.#flows.take();
    for (const flow of flows) this.#count(flow);
    this.#packer.pack(
      flows.flatMap((flow) => [...inParts(flow)]),
      (payload) => this.#push(payload),
      ({ records }) => this.#lose(records),
    );
  }

  #count({ client, server }: Flow): void {
    this.#totals.flows++;
    this.#totals.bytes += client.sent.bytes + server.sent.bytes;
    this.#totals.packets += client.sent.packets + server.sent.packets;
  }

  #push(payload: Payload): void {
    for (const { publisher } of this.#publishers) publisher.push(payload);
  }

  #lose(records: number): void {
    this.#totals.tooLarge++;
    this.#each(() => this.#context.ledger.lose('export', 'ntopng_too_large', records));
  }

  #event(): Buffer {
    return this.#createEvent(this.#totals, Date.now());
  }

  #tellEvent(): void {
    const event = this.#event();
    for (const { publisher } of this.#publishers) publisher.tell('event', event);
  }

  /** Only where somebody wants them: it takes a look at all processes. */
  #tellPorts(): void {
    const listening = this.#publishers.filter(({ publisher }) => publisher.isHeard('listening-ports'));
    if (listening.length === 0) return;
    this.#readPorts()
      .then((ports) => {
        if (ports) for (const { publisher } of listening) publisher.tell('listening-ports', ports);
      })
      .catch(() => this.#context.ledger.fault('export', 'ntopng_ports'));
  }

  shutdown(deadline: number): Promise<void> {
    this.#closed ??= this.#close(deadline);
    return this.#closed;
  }

  async #close(deadline: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#flush();
    await Promise.all(this.#publishers.map(({ publisher }) => publisher.close(deadline)));
  }
}

/** Another one for each agent, on this host and on others: ntopng takes gaps in what comes from one for losses. */
function sourceIdOf({ id, name }: Host): number {
  return createHash('sha256').update(`${id} ${name} ${process.pid}`).digest().readUInt32BE();
}
