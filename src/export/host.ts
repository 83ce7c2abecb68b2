/** The host that the agent runs on and the agent's own version, read once at start. */
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Host } from './semconv.ts';

/** Never throws: what can't be read is undefined. */
export function readHost(machineIdFile = '/etc/machine-id'): Host {
  return { id: readMachineId(machineIdFile), name: hostname(), agentVersion: readAgentVersion() };
}

/** `hostRoot`: where the host's file system is. */
export function machineIdFile(hostRoot: string): string {
  return join(hostRoot, 'etc/machine-id');
}

function readMachineId(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Version in package.json, which is two levels up from src/export/ and from dist/export/. */
function readAgentVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Inode number of the agent's own network namespace; 0 when /proc doesn't say. */
export function readOwnNetworkNamespace(): number {
  try {
    return statSync('/proc/self/ns/net').ino;
  } catch {
    return 0;
  }
}
