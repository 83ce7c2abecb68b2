/**
 * This host under another kernel: a virtual machine whose root is that of the host, read-only, so that the checkout and the
 * programs that the tests need are there as they are here. The processor is emulated, since few hosts of tests have KVM.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { result, TIED } from './processes.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const GUEST = join(CHECKOUT, 'test/kernels/guest');
/** What it takes to reach the root; all others are loaded from there when the kernel asks for them. */
const MODULES = ['virtio_pci', '9pnet_virtio', '9p'];
/** modprobe is no program of every user. */
const env = { ...process.env, PATH: `/usr/sbin:/sbin:${process.env.PATH}` };

export interface Machine {
  /** Directory of boot/ and lib/modules/ (scripts/lib/fetch-kernel). */
  readonly kernel: string;
  /** The agent to start. */
  readonly sockflow: string;
  /** For what is needed on the way; an empty directory. */
  readonly directory: string;
  /** Where the guest writes. */
  readonly results: string;
  /** It is ended then, wherever it is. */
  readonly seconds: number;
}

/** Boots, runs test/kernels/guest/essentials.sh and powers off; what the kernel said. */
export async function runMachine(machine: Machine): Promise<string> {
  const console = join(machine.directory, 'console');
  writeFileSync(console, '');
  // timeout has a child of its own, which is to end with it.
  const bounded = [...TIED, 'timeout', String(machine.seconds), ...TIED, 'nice', '-n', '5'];
  const [program = '', ...args] = [...bounded, ...qemu(machine, console)];
  const { code, stderr } = await result(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
  const said = readFileSync(console, 'utf8');
  if (code === 124)
    throw new Error(`not done in ${machine.seconds} s; the last of its kernel's words: ${said.slice(-2000)}`);
  if (code !== 0) throw new Error(`qemu ended with ${code}: ${stderr}${said.slice(-2000)}`);
  return said;
}

function qemu(machine: Machine, console: string): string[] {
  const { kernel } = machine;
  const told = { checkout: CHECKOUT, modules: kernel, sockflow: machine.sockflow };
  const append = ['console=ttyS0', 'loglevel=4', 'panic=-1', ...Object.entries(told).map((pair) => pair.join('='))];
  return [
    'qemu-system-x86_64',
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', `file:${console}`],
    // One processor: two that are interrupted at any place make the kernel's own counters count what never was, such as a
    // child of a listener that both made, and one threw away.
    ...['-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', '2048'],
    ...['-kernel', join(kernel, 'boot', `vmlinuz-${basename(kernel)}`), '-initrd', firstRoot(machine)],
    ...['-append', append.join(' ')],
    ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
    ...['-virtfs', `local,path=${machine.results},mount_tag=results,security_model=none`],
  ];
}

/** The archive that the kernel unpacks at first: busybox, modules, and test/kernels/guest/first.sh. */
function firstRoot({ kernel, directory }: Machine): string {
  const root = join(directory, 'root');
  for (const name of ['bin', 'dev', 'host', 'modules', 'proc']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
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
