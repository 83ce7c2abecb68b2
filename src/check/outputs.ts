/** Where records are to go: each server gets an empty request, by the way that records will take. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options } from '../cli/options.ts';
import { toOtlpOptions } from '../export/otlp/settings.ts';
import { createTransport, type Outcome, type Signal } from '../export/otlp/transport.ts';
import type { Finding, Group } from './finding.ts';

/** Milliseconds for an answer. */
const DEADLINE = 10_000;

export async function checkOutputs(options: Options): Promise<Group> {
  const signals: Signal[] = [
    ...(options.logs ? ['LOGS' as const] : []),
    ...(options.metrics ? ['METRICS' as const] : []),
    ...(options.traces ? ['TRACES' as const] : []),
  ];
  const sent = await Promise.all(signals.map((signal) => checkSignal(signal, options)));
  return { title: 'Outputs', findings: [...sent, ...checkSpool(options)] };
}

const purposes = { LOGS: 'a record for each event', METRICS: 'metrics', TRACES: 'a span for each connection' } as const;

async function checkSignal(signal: Signal, options: Options): Promise<Finding> {
  const name = `OTLP ${signal.toLowerCase()}`;
  const purpose = purposes[signal];
  const refused = (found: string): Finding => ({
    name,
    state: 'missing',
    purpose,
    found,
    lost: `${signal.toLowerCase()}, until the server takes them`,
    remedy: 'see that the server listens there, by this protocol, and takes what --otlp-header says',
  });
  try {
    const transport = createTransport(toOtlpOptions(options), signal);
    const outcome = await Promise.race([transport.send(new Uint8Array()), tooLate()]);
    transport.close();
    if (outcome.status === 'accepted') return { name, state: 'ok', purpose, found: transport.endpoint };
    return refused(`${transport.endpoint}: ${outcome.reason}: ${outcome.message}`);
  } catch (error) {
    return refused((error as Error).message);
  }
}

async function tooLate(): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const message = `no answer within ${DEADLINE / 1000} s`;
  setTimeout(resolve, DEADLINE, { status: 'retry', reason: 'timeout', message, retryAfterMs: undefined }).unref();
  return promise;
}

const MEBIBYTE = 2 ** 20;

function checkSpool({ spool, spoolSize }: Options): Finding[] {
  if (spool === undefined) return [];
  const common = { name: '--spool', purpose: 'keeps records that the server does not take' };
  try {
    const directory = nearest(spool);
    accessSync(directory, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(directory);
    const free = Math.floor((bavail * bsize) / MEBIBYTE);
    const found = `${spool}, ${free} MiB free`;
    if (free * MEBIBYTE >= spoolSize) return [{ ...common, state: 'ok', found }];
    const remedy = `make room, or give a --spool-size below ${free}MiB`;
    return [{ ...common, state: 'partly', found, lost: 'what comes when the disk is full', remedy }];
  } catch (error) {
    const remedy = 'give --spool a directory that can be written';
    return [
      { ...common, state: 'missing', found: (error as Error).message, lost: 'records, when memory is full', remedy },
    ];
  }
}

/** The directory itself, or what it would be made in. */
function nearest(directory: string): string {
  try {
    accessSync(directory);
    return directory;
  } catch (error) {
    const parent = dirname(directory);
    if (parent === directory) throw error;
    return nearest(parent);
  }
}
