/** What an agent in a container can't see of the host around it. */
import { procOf, showsHost } from '../capture/proc.ts';
import type { Options } from '../cli/options.ts';
import { type Group, judge } from './finding.ts';

export function checkSight({ hostRoot, dns }: Options): Group {
  const isOutside = showsHost('/proc');
  return {
    title: 'Sight',
    findings: [
      judge({
        name: "the host's processes",
        purpose: 'names of interfaces in other network namespaces, hosts files',
        isThere: isOutside,
        isNeeded: false,
        lost: 'these; connections and their owners are seen all the same',
        remedy: 'run in the pid namespace of the host (--pid host, hostPID: true)',
      }),
      judge({
        name: "the host's files",
        purpose: `names of users${dns ? ', hosts files' : ''}`,
        isThere: isOutside || hostRoot !== '/',
        isNeeded: false,
        found: procOf(hostRoot),
        lost: "users have the names of this container's, or none",
        remedy: 'mount the root of the host read-only, and give --host-root DIR',
      }),
    ],
  };
}
