/**
 * When a gRPC server wants to be asked again, which it says in the trailer `grpc-status-details-bin`:
 * google.rpc.Status { details = 3: Any { type_url = 1, value = 2: RetryInfo { retry_delay = 1: Duration { s = 1, ns = 2 } } } }
 */
import { readFields } from './fields.ts';

const RETRY_INFO = 'google.rpc.RetryInfo';
/** Seconds. A delay of more, or a negative one (which is read as a very large one), is a mistake. */
const LONGEST = 365 * 86_400;

/** Milliseconds; undefined when it doesn't say. `details`: bytes of the trailer, or anything else. Never throws. */
export function readRetryDelay(details: Uint8Array | undefined): number | undefined {
  try {
    return details && readStatus(details);
  } catch {
    return undefined;
  }
}

function readStatus(status: Uint8Array): number | undefined {
  for (const { number, content, end } of readFields(status)) {
    const delay = number === 3 ? readAny(status.subarray(content, end)) : undefined;
    if (delay !== undefined) return delay;
  }
  return undefined;
}

function readAny(any: Uint8Array): number | undefined {
  const type = Buffer.from(child(any, 1) ?? []).toString('latin1');
  if (!type.endsWith(`/${RETRY_INFO}`)) return undefined;
  const duration = child(child(any, 2) ?? new Uint8Array(), 1) ?? new Uint8Array();
  const [seconds = 0, nanoseconds = 0] = [1, 2].map((wanted) => value(duration, wanted));
  return seconds > LONGEST || nanoseconds >= 1e9 ? undefined : Math.round(seconds * 1000 + nanoseconds / 1e6);
}

/** The content of the first field with this number. */
function child(message: Uint8Array, wanted: number): Uint8Array | undefined {
  for (const { number, content, end } of readFields(message))
    if (number === wanted) return message.subarray(content, end);
  return undefined;
}

function value(message: Uint8Array, wanted: number): number {
  for (const field of readFields(message)) if (field.number === wanted) return field.value;
  return 0;
}
