/** What a program costs: CPU of its threads, run time of its BPF programs, memory. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { objectsOf } from '../../test/support/bpf.ts';
import { built } from '../../test/support/compile.ts';
import { family, finished } from '../../test/support/processes.ts';

/** Nanoseconds by thread group. */
export type Cpu = Readonly<Record<ThreadGroup, number>>;
type ThreadGroup = 'main' | 'reader' | 'other';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}

/** The agent's reader thread bears its own name or, as threads do that were given none, the main thread's. */
function groupOf(pid: number, thread: number): ThreadGroup {
  if (thread === pid) return 'main';
  const name = (id: number) => read(`/proc/${pid}/task/${id}/comm`);
  return name(thread) === name(pid) || name(thread).startsWith('sockflow') ? 'reader' : 'other';
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

const TICK = 1e7;

/** Of the children that it had and that have ended; the kernel adds nanoseconds, but shows ticks of 10 ms. */
function cpuOfEnded(pid: number): number {
  // From the state on, which follows the name in parentheses: cutime and cstime.
  const [user, system] = (/.*\) (.*)/s.exec(read(`/proc/${pid}/stat`))?.[1] ?? '').split(' ').slice(13, 15);
  return (Number(user ?? 0) + Number(system ?? 0)) * TICK;
}

/** schedstat counts nanoseconds, user and system together. */
export function cpuOf(root: number): Cpu {
  const cpu = { main: 0, reader: 0, other: 0 };
  for (const pid of family(root)) {
    for (const thread of threadsOf(pid))
      cpu[groupOf(pid, thread)] += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
    cpu.other += cpuOfEnded(pid);
  }
  return cpu;
}

export function sumOf(cpu: Cpu): number {
  return cpu.main + cpu.reader + cpu.other;
}

export function subtract(after: Cpu, before: Cpu): Cpu {
  return {
    main: after.main - before.main,
    reader: after.reader - before.reader,
    other: after.other - before.other,
  };
}

/** The most memory that it ever had, in MiB. */
export function peakMemory(root: number): number {
  const peaks = family(root).map((pid) => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0));
  return peaks.reduce((sum, kib) => sum + kib, 0) / 1024;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until these have nothing left to do: what they still do after the load belongs to the load. */
export async function untilIdle(roots: readonly number[], ms = 20_000): Promise<void> {
  const deadline = Date.now() + ms;
  const used = () => roots.reduce((sum, root) => sum + sumOf(cpuOf(root)), 0);
  let quiet = 0;
  for (let before = used(); quiet < 3 && Date.now() < deadline; ) {
    await pause(200);
    const now = used();
    quiet = now - before < 4e6 ? quiet + 1 : 0;
    before = now;
  }
}

interface RunTime {
  nanoseconds: number;
  runs: number;
}

/** Total of the BPF programs that these processes hold; counts only while `measuringBpf`. */
export function bpfRunTime(root: number): RunTime {
  const ids = new Set(family(root).flatMap((pid) => [...objectsOf(pid).prog]));
  const programs: { id: number; run_time_ns?: number; run_cnt?: number }[] = JSON.parse(
    execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8', maxBuffer: 1 << 26 }),
  );
  const ours = programs.filter(({ id }) => ids.has(id));
  return {
    nanoseconds: ours.reduce((sum, { run_time_ns = 0 }) => sum + run_time_ns, 0),
    runs: ours.reduce((sum, { run_cnt = 0 }) => sum + run_cnt, 0),
  };
}

async function startMeasuring(): Promise<ChildProcess> {
  const child = spawn(built('bench/bpf-stats.c'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('BPF_ENABLE_STATS was refused')));
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  return child;
}

/** Has the kernel measure BPF programs meanwhile. Two clock readings for each run: not for rounds that are timed. */
export async function measuringBpf<T>(body: () => Promise<T>): Promise<T> {
  const child = await startMeasuring();
  try {
    return await body();
  } finally {
    child.stdin?.end();
    await finished(child);
  }
}
