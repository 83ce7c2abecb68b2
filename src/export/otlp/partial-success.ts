/** What a server says of a request that it took: Export…ServiceResponse { 1: PartialSuccess { 1: rejected, 2: message } }. */
import { readFields } from './fields.ts';

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

const nothing: PartialSuccess = { rejected: 0, message: '' };

/** Never throws: an answer that nobody understands says nothing, and the request was taken all the same. */
export function readPartialSuccess(response: Uint8Array): PartialSuccess {
  try {
    for (const { number, content, end } of readFields(response))
      if (number === 1) return read(response.subarray(content, end));
  } catch {
    // As above.
  }
  return nothing;
}

function read(bytes: Uint8Array): PartialSuccess {
  let { rejected, message } = nothing;
  for (const { number, value, content, end } of readFields(bytes)) {
    if (number === 1) rejected = value;
    else if (number === 2) message = oneLine(Buffer.from(bytes.subarray(content, end)).toString());
  }
  return { rejected, message };
}

/** The same of an answer in JSON, where 64-bit numbers are strings. */
export function readPartialSuccessJson(response: string): PartialSuccess {
  try {
    const { partialSuccess = {} } = JSON.parse(response) as { partialSuccess?: Record<string, unknown> };
    const { rejectedLogRecords, rejectedDataPoints, rejectedSpans, errorMessage } = partialSuccess;
    const rejected = Number(rejectedLogRecords ?? rejectedDataPoints ?? rejectedSpans ?? 0);
    return {
      rejected: Number.isSafeInteger(rejected) ? Math.max(0, rejected) : 0,
      message: oneLine(String(errorMessage ?? '')),
    };
  } catch {
    return nothing;
  }
}

function oneLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
