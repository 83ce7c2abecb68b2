/** Where Docker and Podman listen: the usual places, also of users that run them without root. */
import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export interface Socket {
  readonly path: string;
  readonly name: 'docker' | 'podman';
}

interface SocketOptions {
  /** Those that the user named; then no others. */
  readonly given: readonly string[];
  readonly hostRoot: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Each once, whether it is there or not: it may come later. */
export function findSockets({ given, hostRoot, env }: SocketOptions): Socket[] {
  const paths = given.length > 0 ? given : [...fromEnvironment(env), ...usualPlaces(hostRoot)];
  const real = [...new Set(paths.map(resolve))];
  return real.map((path) => ({ path, name: path.includes('podman') ? 'podman' : 'docker' }));
}

function fromEnvironment({ DOCKER_HOST }: SocketOptions['env']): string[] {
  const path = /^unix:\/\/(\/.+)$/.exec(DOCKER_HOST ?? '')?.[1];
  return path ? [path] : [];
}

function usualPlaces(hostRoot: string): string[] {
  const run = join(hostRoot, 'run');
  const ofUsers = list(join(run, 'user')).flatMap((user) =>
    ['docker.sock', 'podman/podman.sock'].map((socket) => join(run, 'user', user, socket)),
  );
  return [join(run, 'docker.sock'), join(run, 'podman/podman.sock'), ...ofUsers];
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** `docker.sock` may be a link to Podman's. */
function resolve(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
