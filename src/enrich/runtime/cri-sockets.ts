/** Where containerd, CRI-O and their like listen. */
import { join } from 'node:path';
import type { CriRuntimeOptions } from './cri-runtime.ts';

export type CriSocket = Pick<CriRuntimeOptions, 'name' | 'socket'>;

const usual = [
  'run/containerd/containerd.sock',
  'run/k3s/containerd/containerd.sock', // RKE2, too
  'run/k0s/containerd.sock',
  'var/snap/microk8s/common/run/containerd.sock',
  'run/crio/crio.sock',
  'run/cri-dockerd.sock',
];

/** `given`: those that the user named; then no others. Whether they are there or not: they may come later. */
export function findCriSockets(given: readonly string[], hostRoot: string): CriSocket[] {
  const sockets = given.length > 0 ? given : usual.map((path) => join(hostRoot, path));
  return sockets.map((socket) => ({ socket, name: nameOf(socket) }));
}

function nameOf(socket: string): CriSocket['name'] {
  const file = socket.slice(socket.lastIndexOf('/') + 1);
  if (/crio|cri-o/.test(file)) return 'cri-o';
  return file.includes('dockerd') ? 'docker' : 'containerd';
}
