/** Before others on a busy host. docs/decisions/0007-before-others.md */
import { getPriority, setPriority } from 'node:os';

const NICE = -10;

/**
 * Makes the calling thread, and those that it starts from now on, be served before others: what the kernel tells waits in
 * a ring that is bounded. Not where somebody chose another niceness. Never throws: without CAP_SYS_NICE all stays as it is.
 */
export function comeFirst(): void {
  try {
    if (getPriority() === 0) setPriority(NICE);
  } catch {
    // Not allowed: the ring counts what comes too late.
  }
}
