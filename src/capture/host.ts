/** What must be true before anything is tried: each refusal is one sentence with its remedy. */
import { accessSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { StartError } from '../errors.ts';

const oldest = [5, 15] as const;
export const OLDEST_KERNEL = oldest.join('.');
export const BTF_FILE = '/sys/kernel/btf/vmlinux';

/** Bits of CapEff. */
const capabilities = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof capabilities;
const needed = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'] as const;

/** Throws StartError. */
export function checkHost(): void {
  if (process.platform !== 'linux') throw new StartError(`this is ${process.platform}`, 'sockflow needs Linux');
  checkKernel(release());
  checkBtf(BTF_FILE);
  checkCapabilities(readFileSync('/proc/self/status', 'utf8'));
}

export function checkKernel(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new StartError(`the kernel is ${version}`, `Linux ${OLDEST_KERNEL} or later is needed`);
}

export function checkBtf(file: string): void {
  try {
    accessSync(file);
  } catch (cause) {
    throw new StartError(
      `the kernel's type information (BTF) is not at ${file}`,
      'use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys in a container',
      { cause },
    );
  }
}

/** `status`: the text of /proc/self/status. CAP_SYS_ADMIN stands for BPF and PERFMON, as in the kernel. */
export function heldCapabilities(status: string): (name: Capability) => boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (name: Capability): boolean => ((effective >> BigInt(capabilities[name])) & 1n) === 1n;
  return (name) => has(name) || ((name === 'CAP_BPF' || name === 'CAP_PERFMON') && has('CAP_SYS_ADMIN'));
}

/** Throws StartError. */
export function checkCapabilities(status: string): void {
  const has = heldCapabilities(status);
  const missing = needed.filter((name) => !has(name));
  if (missing.length > 0)
    throw new StartError(`missing ${missing.join(', ')}`, 'run as root, or grant these capabilities');
}
