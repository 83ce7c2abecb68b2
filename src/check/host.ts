/** The kernel and the rights of this process: what must be there before anything is tried, and what is good for more. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { BTF_FILE, type Capability, checkBtf, checkKernel, heldCapabilities, OLDEST_KERNEL } from '../capture/host.ts';
import { StartError } from '../errors.ts';
import { type Finding, type Group, judge } from './finding.ts';

interface Right {
  readonly name: Capability;
  readonly purpose: string;
  readonly lost: string;
  readonly isNeeded: boolean;
}

/** In the order of the README's table. */
export const capabilities: readonly Right[] = [
  { name: 'CAP_BPF', purpose: 'loads the BPF programs', lost: 'all', isNeeded: true },
  { name: 'CAP_PERFMON', purpose: 'lets them read kernel memory', lost: 'all', isNeeded: true },
  {
    name: 'CAP_NET_ADMIN',
    purpose: 'attaches those that count datagrams and learn who closes a socket',
    lost: 'all',
    isNeeded: true,
  },
  {
    name: 'CAP_SYS_ADMIN',
    purpose: 'cgroups where no cgroup2 mount is visible; questions in other network namespaces',
    lost: 'there: UDP, DNS, translated addresses; names of interfaces, and why a connect had no route',
    isNeeded: false,
  },
  {
    name: 'CAP_SYS_PTRACE',
    purpose: 'hosts files and namespaces of processes of other users',
    lost: 'peer names that only stand in those hosts files',
    isNeeded: false,
  },
  {
    name: 'CAP_SYS_NICE',
    purpose: 'comes before others on a busy host',
    lost: 'what a storm brings beyond a fair share of the CPUs: counted as ring_full',
    isNeeded: false,
  },
  {
    name: 'CAP_DAC_READ_SEARCH',
    purpose: 'files in directories that are closed to this user',
    lost: 'hosts files, certificates and tokens there',
    isNeeded: false,
  },
];

export function checkHostGroup(): Group {
  const held = heldCapabilities(readFileSync('/proc/self/status', 'utf8'));
  return {
    title: 'Host',
    findings: [
      attempt(`Linux ${OLDEST_KERNEL} or later`, 'all that is watched', release(), () => checkKernel(release())),
      attempt("the kernel's type information (BTF)", 'programs that fit this kernel', BTF_FILE, () =>
        checkBtf(BTF_FILE),
      ),
      ...capabilities.map((capability) =>
        judge({
          ...capability,
          isThere: held(capability.name),
          remedy: 'run as root, or grant this capability',
        }),
      ),
    ],
  };
}

/** By the same function as at start. */
function attempt(name: string, purpose: string, found: string, check: () => void): Finding {
  try {
    check();
    return { name, state: 'ok', purpose, found };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { name, state: 'missing', purpose, found: error.message, lost: 'all', remedy: error.remedy };
  }
}
