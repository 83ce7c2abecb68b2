/**
 * Which events reach which output. Metrics and ntopng aren't asked: they see all records of the selected protocols, since
 * they add up what each of them says.
 */
import type { Options } from './cli/options.ts';
import type { ConnectionRecord, EventName } from './model.ts';

type Test = (record: ConnectionRecord) => boolean;

export interface Selection {
  readonly stdout: Test;
  /** For OTLP log records. */
  readonly otlp: Test;
  /** For ntopng: `-i` and `-o` say which connections it sees. */
  readonly flows: Test;
  /** Failed look-ups of names are events on stdout, or as log records. */
  readonly lookups: { readonly stdout: boolean; readonly otlp: boolean };
  /** Some output shows open events, so the kernel has to send them. */
  readonly wantsOpen: boolean;
  /** Some output shows retransmissions; spans do. */
  readonly wantsRetransmit: boolean;
  /** Some output shows resets, or metrics or spans are sent, which tell of them. */
  readonly wantsReset: boolean;
  /** Some output shows dropped segments. */
  readonly wantsDrop: boolean;
  /** Some output counts or shows what listeners had no room for. */
  readonly wantsListeners: boolean;
  /** Some output shows update events, or metrics or flows are sent, which need them to count while a connection lives. */
  readonly wantsUpdate: boolean;
}

type Asked = Pick<
  Options,
  'in' | 'out' | 'retransmits' | 'close' | 'events' | 'format' | 'logs' | 'metrics' | 'traces' | 'zmq' | 'record'
>;

/** Without resets: the line of the end says already who reset it. */
const stdoutDefault: readonly EventName[] = ['open', 'close', 'failed', 'retransmit'];
const otlpDefault: readonly EventName[] = ['update', 'close', 'failed'];

/**
 * `-i -o -r -c` and `--events` add up, and hold for every output; without any of them each output has its default. What a
 * recording will be asked isn't known yet: it has all kinds of events but drops, which are asked for.
 */
export function createSelection(options: Asked): Selection {
  const asked = askedFor(options);
  const stdout = options.format === 'none' ? never : (asked ?? anyOf(stdoutDefault));
  const otlp = options.logs ? (asked ?? anyOf(otlpDefault)) : never;
  const isRecorded = options.record !== undefined;
  const wantsDrop = stdout.names.has('drop') || otlp.names.has('drop');
  return {
    stdout: stdout.test,
    otlp: otlp.test,
    flows: directionsOf(options),
    lookups: { stdout: stdout.names.has('dns'), otlp: otlp.names.has('dns') },
    wantsOpen: isRecorded || stdout.names.has('open') || otlp.names.has('open'),
    wantsRetransmit: isRecorded || options.traces || stdout.names.has('retransmit') || otlp.names.has('retransmit'),
    wantsReset: isRecorded || options.metrics || options.traces || stdout.names.has('reset') || otlp.names.has('reset'),
    wantsDrop,
    wantsListeners: options.metrics || wantsDrop,
    wantsUpdate:
      isRecorded || options.metrics || options.zmq.length > 0 || stdout.names.has('update') || otlp.names.has('update'),
  };
}

function directionsOf({ in: accepted, out: dialled }: Asked): Test {
  if (accepted === dialled) return () => true;
  return ({ role }) => role === (accepted ? 'server' : 'client');
}

/** A test, and the names of the events that may pass it. */
interface Filter {
  readonly names: ReadonlySet<EventName>;
  readonly test: Test;
}

const never: Filter = { names: new Set(), test: () => false };

function anyOf(names: readonly EventName[]): Filter {
  const set = new Set(names);
  return { names: set, test: (record) => set.has(record.event) };
}

/** Nothing tells of the begin of a UDP conversation: its end stands for it. */
function isBegin({ event, transport }: ConnectionRecord): boolean {
  return event === (transport === 'udp' ? 'close' : 'open');
}

const accepted: Filter = {
  names: new Set(['open']),
  test: (record) => isBegin(record) && record.role === 'server',
};

const dialled: Filter = {
  names: new Set(['open', 'failed']),
  test: (record) => record.event === 'failed' || (isBegin(record) && record.role === 'client'),
};

function askedFor(options: Asked): Filter | undefined {
  const filters = [
    ...(options.in ? [accepted] : []),
    ...(options.out ? [dialled] : []),
    ...(options.retransmits ? [anyOf(['retransmit'])] : []),
    ...(options.close ? [anyOf(['close'])] : []),
    ...(options.events ? [anyOf(options.events)] : []),
  ];
  if (filters.length === 0) return undefined;
  return {
    names: new Set(filters.flatMap((filter) => [...filter.names])),
    test: (record) => filters.some((filter) => filter.test(record)),
  };
}
