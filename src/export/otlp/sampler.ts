/**
 * Which traces are kept, as OTEL_TRACES_SAMPLER says. It looks at the trace id, so agents at both ends of a connection
 * decide alike. A connection has no parent, so the `parentbased_` samplers are those that they are based on.
 */
const SAMPLER = 'OTEL_TRACES_SAMPLER';
const ARGUMENT = 'OTEL_TRACES_SAMPLER_ARG';

/** Ids are judged by their last 7 bytes, as the specification has it. */
const RANGE = 2 ** 56;

export type Sampler = (traceId: Uint8Array) => boolean;

/** The sampler that keeps every trace: who knows it need not make an id. */
export const always: Sampler = () => true;

/** Throws an Error of one line when a variable is no good. */
export function readSampler(env: Readonly<Record<string, string | undefined>> = process.env): Sampler {
  const text = env[SAMPLER]?.trim() || 'always_on';
  const name = text.replace(/^parentbased_/, '');
  if (name === 'always_on') return always;
  if (name === 'always_off') return () => false;
  if (name !== 'traceidratio')
    throw new Error(`${SAMPLER} expects always_on, always_off or traceidratio, parentbased_ or not, not "${text}"`);
  const ratio = Number(env[ARGUMENT]?.trim() || 1);
  if (!(ratio >= 0 && ratio <= 1)) throw new Error(`${ARGUMENT} expects a number from 0 to 1, not "${env[ARGUMENT]}"`);
  const threshold = (1 - ratio) * RANGE;
  return (traceId) => (traceId[9] as number) * 2 ** 48 + Buffer.from(traceId).readUIntBE(10, 6) >= threshold;
}
