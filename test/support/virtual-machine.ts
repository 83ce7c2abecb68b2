/**
 * Another kernel: a virtual machine whose root is that of the host, read-only, so that the checkout and the programs that the
 * tests need are there as they are here; or one of another architecture, with programs of its own, that sees the host's root
 * below /mnt. The processor is emulated, since few hosts of tests have KVM.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { result, TIED } from './processes.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const GUEST = join(CHECKOUT, 'test/kernels/guest');
/** What it takes to reach the root; all others are loaded from there when the kernel asks for them. */
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];
/** modprobe is no program of every user. */
const env = { ...process.env, PATH: `/usr/sbin:/sbin:${process.env.PATH}` };

/** What is emulated, and where the machine has its programs. */
export interface Platform {
  readonly qemu: readonly string[];
  readonly console: string;
  readonly root: string;
  /** Where in that root the host's is seen; empty when it is the host's. */
  readonly share: string;
}

export const x64: Platform = { qemu: ['qemu-system-x86_64', '-cpu', 'max'], console: 'ttyS0', root: '/', share: '' };

export function arm64(): Platform {
  const root = execFileSync(join(CHECKOUT, 'scripts/lib/fetch-guest'), { encoding: 'utf8' }).trim();
  // The real algorithm for signed pointers would take most of the time.
  const qemu = ['qemu-system-aarch64', '-machine', 'virt', '-cpu', 'max,pauth-impdef=on'];
  return { qemu, console: 'ttyAMA0', root, share: '/mnt' };
}

export interface Machine {
  readonly platform: Platform;
  /** What runs in it: the script of that name in test/kernels/guest, `service` under systemd. */
  readonly scenario: 'essentials' | 'service' | 'power';
  /** A file that it has as its disk. */
  readonly disk?: string;
  /** Directory of boot/ and lib/modules/ (scripts/lib/fetch-kernel). */
  readonly kernel: string;
  /** The agent to start. */
  readonly sockflow: string;
  /** Directory of the workloads. */
  readonly programs: string;
  /** For what is needed on the way; an empty directory. */
  readonly directory: string;
  /** Where the guest writes. */
  readonly results: string;
  /** It is ended then, wherever it is. */
  readonly seconds: number;
}

/** Boots, runs the scenario and powers off; what the kernel said. `off`: switches it off, whatever it does at that moment. */
export async function runMachine(machine: Machine, off?: AbortSignal): Promise<string> {
  const console = join(machine.directory, 'console');
  writeFileSync(console, '');
  // timeout has a child of its own, which is to end with it.
  const bounded = [...TIED, 'timeout', String(machine.seconds), ...TIED, 'nice', '-n', '5'];
  const [program = '', ...args] = [...bounded, ...qemu(machine, console)];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  off?.addEventListener('abort', () => child.kill('SIGKILL'));
  const { code, stderr } = await result(child);
  const said = readFileSync(console, 'utf8');
  if (off?.aborted) return said;
  if (code === 124)
    throw new Error(`not done in ${machine.seconds} s; the last of its kernel's words: ${said.slice(-2000)}`);
  if (code !== 0) throw new Error(`qemu ended with ${code}: ${stderr}${said.slice(-2000)}`);
  return said;
}

function qemu(machine: Machine, console: string): string[] {
  const { kernel, platform } = machine;
  const { share } = platform;
  const paths = { checkout: CHECKOUT, modules: kernel, sockflow: machine.sockflow, programs: machine.programs };
  const told = Object.entries(paths).map(([name, path]) => `${name}=${share}${path}`);
  const append = [
    `console=${platform.console}`,
    'loglevel=4',
    'panic=-1',
    `share=${share}`,
    `scenario=${machine.scenario}`,
    ...told,
  ];
  return [
    ...platform.qemu,
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', `file:${console}`],
    // One processor: two that are interrupted at any place make the kernel's own counters count what never was, such as a
    // child of a listener that both made, and one threw away.
    ...['-accel', 'tcg', '-smp', '1', '-m', '2048'],
    ...['-kernel', join(kernel, 'boot', `vmlinuz-${basename(kernel)}`), '-initrd', firstRoot(machine)],
    ...['-append', append.join(' ')],
    ...shared('root', platform.root, 'readonly=on,multidevs=remap'),
    ...(share ? shared('host', '/', 'readonly=on,multidevs=remap') : []),
    ...(machine.disk ? ['-drive', `file=${machine.disk},if=virtio,format=raw`] : []),
    ...shared('results', machine.results, 'readonly=off'),
  ];
}

function shared(tag: string, path: string, options: string): string[] {
  return ['-virtfs', `local,path=${path},mount_tag=${tag},security_model=none,${options}`];
}

/** The archive that the kernel unpacks at first: busybox, modules, and test/kernels/guest/first.sh. */
function firstRoot({ kernel, platform, directory }: Machine): string {
  const root = join(directory, 'root');
  for (const name of ['bin', 'dev', 'host', 'modules', 'proc', 'upper', 'whole'])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(join(platform.root, 'bin/busybox'), join(root, 'bin/busybox'));
  copyFileSync(join(GUEST, 'first.sh'), join(root, 'init'));
  chmodSync(join(root, 'init'), 0o755);
  const modules = modulesOf(kernel);
  for (const file of modules) writeFileSync(join(root, 'modules', moduleName(file)), uncompressed(file));
  writeFileSync(join(root, 'modules/list'), `${modules.map(moduleName).join('\n')}\n`);
  const archive = `${root}.cpio`;
  writeFileSync(
    archive,
    execFileSync('sh', ['-c', 'find . | cpio -o -H newc --quiet'], { cwd: root, maxBuffer: 2 ** 28 }),
  );
  return archive;
}

/** Files, each behind those that it depends on; what is built into the kernel has none. */
function modulesOf(kernel: string): string[] {
  const args = ['--dirname', kernel, '--set-version', basename(kernel), '--show-depends', '--all', ...MODULES];
  const lines = execFileSync('modprobe', args, { env, encoding: 'utf8' });
  return [...new Set([...lines.matchAll(/^insmod (\S+)/gm)].map(([, file = '']) => file))];
}

function moduleName(file: string): string {
  return basename(file).replace(/\.xz$/, '');
}

function uncompressed(file: string): Buffer {
  return file.endsWith('.xz') ? execFileSync('xz', ['-dc', file], { maxBuffer: 2 ** 28 }) : readFileSync(file);
}
