/** An agent whose spool is on a disk that a test has in its hands. */
import { spawn } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { type Agent, only, startAgent } from './agent.ts';
import { freePort } from './collector.ts';
import type { Namespace } from './netns.ts';
import { eventually, output } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

export interface Rig {
  readonly agent: Agent;
  readonly spool: string;
  readonly port: number;
}

/** An agent whose spool is a small file system that nobody else sees. */
export async function rig(t: ExecutionContext, namespace: Namespace, ...more: string[]): Promise<Rig> {
  const [spool, port] = [temporaryDirectory(t), await freePort()];
  const args = ['--otlp-endpoint', `http://127.0.0.1:${port}`, '--no-metrics', '--spool', spool, '--format', 'json'];
  const mount = `mount -t tmpfs -o size=4m,mode=0700 none ${spool} && exec "$@"`;
  const through = ['unshare', '--mount', 'sh', '-c', mount, 'sh'];
  const agent = await startAgent([...only(namespace), ...args, ...more], { through });
  t.teardown(() => agent.kill9());
  return { agent, spool, port };
}

/** Busy for as long as somebody writes a file there. */
export async function remount({ agent, spool }: Rig, how: 'ro' | 'rw'): Promise<void> {
  const args = [`--mount=/proc/${agent.pid}/ns/mnt`, 'mount', '-o', `remount,${how}`, spool];
  const attempt = () => output(spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] }), 'mount');
  await eventually(
    `remount,${how}`,
    () => attempt().catch((error: Error) => error.message),
    (answer) => answer === '',
  );
}

export const said = ({ agent }: Rig, words: RegExp) =>
  eventually(
    `line ${words}`,
    () => agent.stderr,
    (stderr) => words.test(stderr),
  );
