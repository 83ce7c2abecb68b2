/** Other names for those of a recording: w1, w2 … for words, other digits for ids; what everybody has stays. */
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';

export interface NameBook {
  word(name: string): string;
  /** A path of a program; one of the distribution stays. */
  path(path: string): string;
  /** A path of a cgroup, which is still one of the same runtime, with ids of the same form. */
  cgroup(path: string): string;
}

/** Names remembered; one that comes again after so many others gets another number. */
const LIMIT = 65_536;

const ofDistribution = /^\/(?:usr\/(?!local\/|share\/|src\/)|bin\/|sbin\/|lib(?:32|64)?\/)/;
/** Directories of which everybody has one. */
const places = new Set([
  'usr',
  'local',
  'bin',
  'sbin',
  'lib',
  'lib64',
  'libexec',
  'opt',
  'srv',
  'home',
  'root',
  'tmp',
  'var',
]);
/** Words that systemd, Kubernetes and the runtimes put into names of cgroups. */
const vocabulary = new Set([
  ...['system', 'user', 'machine', 'init', 'session', 'slice', 'scope', 'service', 'app', 'docker', 'buildx', 'moby'],
  ...['containerd', 'cri', 'crio', 'podman', 'libpod', 'conmon', 'lxc', 'payload', 'monitor', 'container', 'nspawn'],
  ...['kubepods', 'kubelet', 'kubelite', 'pod', 'burstable', 'besteffort', 'guaranteed', 'ecs', 'nomad'],
]);
const uuid = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}';
const token = new RegExp(`(?:pod)?${uuid}|[^-_.:@]+`, 'g');
const id = new RegExp(`^(pod)?(${uuid}|(?=[a-f]*\\d)[0-9a-f]{4,64}|[0-9a-f]{12,64})$`);

export function createNameBook(): NameBook {
  const words = new LRUCache<string, string>({ max: LIMIT });
  const key = randomBytes(32);
  let count = 0;

  const word = (name: string): string => {
    const other = words.get(name) ?? `w${++count}`;
    words.set(name, other);
    return other;
  };
  const digits = (text: string): string => {
    const hash = createHmac('sha256', key).update(text).digest('hex');
    let at = 0;
    return text.replace(/[0-9a-f]/g, () => hash[at++] as string);
  };
  const part = (text: string): string => {
    if (vocabulary.has(text) || /^\d{1,3}$/.test(text)) return text;
    const [, prefix = '', value] = id.exec(text) ?? [];
    return value === undefined ? word(text) : prefix + digits(value);
  };
  const group = (name: string): string => name.replace(token, part);
  const component = (name: string): string => (name === '' || places.has(name) ? name : word(name));

  return {
    word,
    path: (path) => (ofDistribution.test(path) ? path : path.split('/').map(component).join('/')),
    cgroup: (path) => path.split('/').map(group).join('/'),
  };
}
