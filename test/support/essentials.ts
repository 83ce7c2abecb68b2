/** What test/kernels/guest/essentials.sh left: what an agent said, what the programs did, what the kernel counted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonRecord } from './agent.ts';
import { type Counters, difference, parseCounters } from './kernel-counters.ts';

export interface Connection {
  readonly port: number;
  readonly sent: number;
  readonly received: number;
}

export interface Essentials {
  readonly release: string;
  /** `sockflow check`, without what is not the kernel's. */
  readonly findings: readonly { readonly name: string; readonly state: string }[];
  readonly ready: string;
  readonly summary: string;
  readonly code: number;
  readonly records: readonly JsonRecord[];
  readonly counted: Counters;
  /** Of clients, by process. */
  readonly exchanges: readonly { readonly pid: number; readonly connections: readonly Connection[] }[];
  /** Of the conversation, the connection that lost segments, the one whose segments were not let out, and the one that was reset. */
  readonly ports: Readonly<Record<'udp' | 'lossy' | 'muted' | 'reset', number>>;
  /** Instructions that the verifier looked at, by program. */
  readonly verified: Readonly<Record<string, number>>;
  /** Ids of programs that the kernel still had. */
  readonly left: string;
}

export function readEssentials(directory: string): Essentials {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const lines = (name: string) => read(name).split('\n').filter(Boolean);
  const said = lines('said');
  return {
    release: read('release').trim(),
    findings: findingsOfKernel(read('check.json')),
    ready: said.find((line) => line.startsWith('sockflow: ready')) ?? '',
    summary: said.at(-1) ?? '',
    code: Number(read('code')),
    records: lines('records.jsonl').map((line) => JSON.parse(line)),
    counted: difference(parseCounters(read('before')), parseCounters(read('after'))),
    exchanges: lines('exchanges').map(readExchange),
    ports: {
      udp: Number(read('udp-port')),
      lossy: Number(read('lossy-port')),
      muted: Number(read('muted-port')),
      reset: Number(read('reset-port')),
    },
    verified: readVerified(read('descriptors'), JSON.parse(read('programs.json'))),
    left: read('left'),
  };
}

interface Group {
  readonly title: string;
  readonly findings: Essentials['findings'];
}

function findingsOfKernel(text: string): Essentials['findings'] {
  const { groups }: { groups: Group[] } = JSON.parse(text);
  return groups.find(({ title }) => title === 'Kernel side')?.findings ?? [];
}

/** What test/workloads/tcp-client.c says at its end. */
export function readExchange(line: string): Essentials['exchanges'][number] {
  const { pid, connections }: { pid: number; connections: [number, number, number][] } = JSON.parse(line);
  return { pid, connections: connections.map(([port, sent, received]) => ({ port, sent, received })) };
}

/** `descriptors`: /proc/PID/fdinfo/* of the agent, each of which begins with its position. */
function readVerified(descriptors: string, programs: { id: number; name: string }[]): Record<string, number> {
  const names = new Map(programs.map(({ id, name }) => [id, name]));
  const counts = descriptors.split(/^pos:/m).flatMap((text) => {
    const name = names.get(Number(/^prog_id:\s*(\d+)/m.exec(text)?.[1]));
    const count = /^verified_insns:\s*(\d+)/m.exec(text)?.[1];
    return name === undefined || count === undefined ? [] : [[name, Number(count)] as const];
  });
  return Object.fromEntries(counts.toSorted());
}
