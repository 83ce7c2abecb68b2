/** What a process holds of the kernel's BPF objects, and whether the kernel has let go of them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const KINDS = ['prog', 'map', 'link'] as const;
type Kind = (typeof KINDS)[number];

/** Ids by kind. An agent is told from its neighbours by its open descriptors: other tests run agents at the same time. */
export type BpfObjects = Record<Kind, ReadonlySet<number>>;

function descriptorTexts(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).map((fd) => {
    try {
      return readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    } catch {
      return ''; // closed meanwhile
    }
  });
}

export function objectsOf(pid: number): BpfObjects {
  const texts = descriptorTexts(pid);
  const ids = (kind: Kind) =>
    new Set(
      texts.flatMap((text) => [...text.matchAll(new RegExp(`^${kind}_id:\\s*(\\d+)`, 'gm'))].map((m) => Number(m[1]))),
    );
  return { prog: ids('prog'), map: ids('map'), link: ids('link') };
}

function listed(kind: Kind): number[] {
  const list: { id: number }[] = JSON.parse(execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8' }));
  return list.map(({ id }) => id);
}

/** Those of the objects that the kernel still has, as `prog 12`. */
export function alive(objects: BpfObjects): string[] {
  return KINDS.flatMap((kind) =>
    listed(kind)
      .filter((id) => objects[kind].has(id))
      .map((id) => `${kind} ${id}`),
  );
}

/** Everything that is pinned in any BPF file system. */
export function pinned(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'bpf')
    .flatMap(([, path = '/']) => readdirSync(path, { recursive: true }).map((name) => `${path}/${name}`));
}
