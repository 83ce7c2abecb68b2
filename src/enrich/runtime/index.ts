/** The runtimes that are asked for names, in an explicit order. */
import type { Options } from '../../cli/options.ts';
import { createDocker } from './docker.ts';
import type { Runtime } from './runtime.ts';
import { findSockets } from './sockets.ts';

export type RuntimeOptions = Pick<Options, 'dockerSocket' | 'containerLabels' | 'hostRoot'>;

export function createRuntimes(options: RuntimeOptions, env: NodeJS.ProcessEnv = process.env): Runtime[] {
  const { dockerSocket: given, hostRoot, containerLabels: labels } = options;
  return findSockets({ given, hostRoot, env }).map(({ path, name }) => createDocker({ name, socket: path, labels }));
}
