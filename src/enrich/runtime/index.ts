/** The runtimes that are asked for names, in an explicit order. */
import type { Options } from '../../cli/options.ts';
import { createCriRuntime } from './cri-runtime.ts';
import { findCriSockets } from './cri-sockets.ts';
import { createDocker } from './docker.ts';
import type { Runtime } from './runtime.ts';
import { findSockets } from './sockets.ts';

export type RuntimeOptions = Pick<Options, 'dockerSocket' | 'runtimeEndpoint' | 'containerLabels' | 'hostRoot'>;

export function createRuntimes(options: RuntimeOptions, env: NodeJS.ProcessEnv = process.env): Runtime[] {
  const { dockerSocket: given, runtimeEndpoint, hostRoot, containerLabels: labels } = options;
  return [
    ...findSockets({ given, hostRoot, env }).map(({ path, name }) => createDocker({ name, socket: path, labels })),
    ...findCriSockets(runtimeEndpoint, hostRoot).map((socket) => createCriRuntime({ ...socket, labels })),
  ];
}
