/** One measurement: a load in a fresh namespace, beside a subject or alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Namespace, withNamespace } from '../../test/support/netns.ts';
import { family } from '../../test/support/processes.ts';
import { canPin, type Load, type LoadResult, pinWatcher, runLoad } from './loads.ts';
import { bpfRunTime, type Cpu, cpuOf, measuringBpf, peakMemory, subtract, sumOf, untilIdle } from './measure.ts';
import type { Outcome, Running, Subject } from './subject.ts';

export interface Slot extends Outcome {
  /** Operations a second. */
  rate: number;
  load: LoadResult;
  readySeconds: number;
  /** Nanoseconds. */
  cpu: Cpu;
  collectorCpu: number;
  bpfTime: number | undefined;
  bpfRuns: number | undefined;
  peakMemory: number;
}

/**
 * On a machine that others keep busy only the CPU of a load of one thread says what it pays: SOCKFLOW_BENCH_CLOCK=cpu, for the
 * datagram loads.
 */
const byCpu = process.env.SOCKFLOW_BENCH_CLOCK === 'cpu';

function rate({ operations, seconds, cpuSeconds }: LoadResult): number {
  return operations / (byCpu ? cpuSeconds : seconds);
}

export async function bareRate(load: Load, operations: number): Promise<number> {
  return withNamespace(async (namespace) => rate(await runLoad(namespace, load, operations)));
}

interface Context {
  subject: Subject;
  namespace: Namespace;
  load: Load;
  operations: number;
  withBpf: boolean;
}

function collectorCpu(running: Running): number {
  return running.collectorPid === undefined ? 0 : sumOf(cpuOf(running.collectorPid));
}

function pids({ pid, collectorPid }: Running): number[] {
  return collectorPid === undefined ? [pid] : [pid, collectorPid];
}

async function measured(running: Running, { subject, namespace, load, operations, withBpf }: Context): Promise<Slot> {
  if (load.pinned && canPin()) pids(running).flatMap(family).forEach(pinWatcher);
  await untilIdle(pids(running));
  const cpuBefore = cpuOf(running.pid);
  const collectorBefore = collectorCpu(running);
  const bpfBefore = withBpf ? bpfRunTime(running.pid) : undefined;
  const done = await runLoad(namespace, load, operations);
  await sleep(subject.holdsBackSeconds * 1000);
  await untilIdle(pids(running));
  const bpfAfter = withBpf ? bpfRunTime(running.pid) : undefined;
  const cpu = subtract(cpuOf(running.pid), cpuBefore);
  const collector = collectorCpu(running) - collectorBefore;
  const memory = peakMemory(running.pid);
  return {
    rate: rate(done),
    load: done,
    readySeconds: running.readySeconds,
    cpu,
    collectorCpu: collector,
    bpfTime: bpfAfter && bpfBefore && bpfAfter.nanoseconds - bpfBefore.nanoseconds,
    bpfRuns: bpfAfter && bpfBefore && bpfAfter.runs - bpfBefore.runs,
    peakMemory: memory,
    ...(await running.stop(done.port)),
  };
}

/** Runs the load beside the subject; `withBpf` measures the BPF programs instead of the rate. */
export async function runSlot(subject: Subject, load: Load, operations: number, withBpf = false): Promise<Slot> {
  return withNamespace(async (namespace) => {
    const running = await subject.start(namespace);
    try {
      const measure = () => measured(running, { subject, namespace, load, operations, withBpf });
      return withBpf ? await measuringBpf(measure) : await measure();
    } finally {
      running.clear();
    }
  });
}
