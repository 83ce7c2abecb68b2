/** Who looks names up in a namespace (test/workloads/resolver.ts), and who answers there: dnsmasq. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Namespace } from './netns.ts';
import { finished, settled } from './processes.ts';

const PROGRAM = join(import.meta.dirname, '../workloads/resolver.ts');

export class Resolver {
  static readonly command = [process.execPath, PROGRAM] as const;

  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    if (!child.stdout) throw new Error('no stdout');
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static start(namespace: Namespace): Resolver {
    return new Resolver(namespace.spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Sees `content` in the place of `file`. */
  static startSeeing(namespace: Namespace, file: string, content: string): Resolver {
    const program = ['--mount', 'sh', '-c', `mount --bind ${content} ${file} && exec "$@"`, 'sh', ...Resolver.command];
    return new Resolver(namespace.spawn('unshare', program, { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  async do(...words: readonly string[]): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(words)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${words.join(' ')}: the process has ended`);
    return JSON.parse(value);
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await finished(this.#child);
  }
}

/** dnsmasq at port 53 of `address`, until its namespace closes. `options`: what it answers. */
export async function startDnsmasq(
  namespace: Namespace,
  options: readonly string[],
  address = '127.0.0.1',
): Promise<ChildProcess> {
  const fixed = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--pid-file',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
  ];
  const bound = ['--bind-interfaces', '--except-interface=none', `--listen-address=${address}`];
  const path = { ...process.env, PATH: `/usr/sbin:${process.env.PATH}` };
  const child = namespace.spawn('dnsmasq', [...fixed, ...bound, ...options], { stdio: 'ignore', env: path });
  const early = once(child, 'exit').then(([code]) => Promise.reject(new Error(`dnsmasq ended with ${code}`)));
  const listens = settled(
    () => namespace.run('ss', ['-Hulnt', `src ${address}:53`]),
    (found) => /udp/.test(found) && /tcp/.test(found),
  );
  await Promise.race([listens, early]);
  early.catch(() => {});
  return child;
}
