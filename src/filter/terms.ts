/** The words of `--filter`: what each asks of a record. */
import { parseDuration, parseInteger, parseSize } from '../cli/units.ts';
import { createNetworkNames, parseNetwork } from '../enrich/networks.ts';
import type { ConnectionRecord, LookupRecord } from '../model.ts';
import { createGlob } from './glob.ts';

/** Of a look-up that failed, too, as far as it has these. */
export type Subject = ConnectionRecord | LookupRecord;
export type Test = (subject: Subject) => boolean;
export type Operator = '=' | '>' | '<' | '>=' | '<=';

/** A word that takes a value behind an operator. */
export interface Term {
  readonly operators: readonly Operator[];
  /** Completes the sentence "proc= expects …". */
  readonly expects: string;
  /** Undefined: the value is not understood. */
  readonly make: (value: string, operator: Operator) => Test | undefined;
}

const equal: readonly Operator[] = ['='];
const all: readonly Operator[] = ['=', '>', '<', '>=', '<='];

/** Of the other kinds of records a connection has, a look-up has nothing: such a question is answered with no. */
function connection(test: (record: ConnectionRecord) => boolean): Test {
  return (subject) => subject.event !== 'dns' && test(subject);
}

function glob(read: (subject: Subject) => readonly (string | undefined)[]): Term {
  return {
    operators: equal,
    expects: 'a name; * stands for any characters',
    make(value) {
      if (value === '') return undefined;
      const matches = createGlob(value);
      return (subject) => read(subject).some((text) => text !== undefined && matches(text));
    },
  };
}

function words<Word extends string>(read: (record: ConnectionRecord) => string, ...known: readonly Word[]): Term {
  return {
    operators: equal,
    expects: `one of ${known.join(', ')}`,
    make: (value) => {
      const word = known.find((each) => each === value.toLowerCase());
      return word && connection((record) => read(record) === word);
    },
  };
}

type Parse = (text: string) => number | undefined;

function quantity(expects: string, parse: Parse, read: (record: ConnectionRecord) => number | undefined): Term {
  return {
    operators: all,
    expects,
    make(value, operator) {
      const limit = parse(value);
      if (limit === undefined) return undefined;
      const compare = comparisons[operator];
      return connection((record) => {
        const found = read(record);
        return found !== undefined && compare(found, limit);
      });
    },
  };
}

const comparisons: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

const count: Parse = (text) => parseInteger(text, 0, Number.MAX_SAFE_INTEGER);
const seconds: Parse = (text) => {
  const ms = text === '0' ? 0 : (parseDuration(text) ?? microseconds(text));
  return ms === undefined ? undefined : ms / 1000;
};
const size: Parse = (text) => (text === '0' ? 0 : parseSize(text));

function microseconds(text: string): number | undefined {
  const number = /^(\d+(?:\.\d+)?)(?:us|µs)$/.exec(text)?.[1];
  return number === undefined ? undefined : Number(number) / 1000;
}

function whole(expects: string, most: number, has: (subject: Subject, number: number) => boolean): Term {
  return {
    operators: equal,
    expects,
    make(value) {
      const number = parseInteger(value, 0, most);
      return number === undefined ? undefined : (subject) => has(subject, number);
    },
  };
}

/** An address, a network, or a name. */
const peer: Term = {
  operators: equal,
  expects: 'an address, a network such as 10.0.0.0/8, or a name; * stands for any characters',
  make(value) {
    const network = parseNetwork(value);
    if (network) {
      const find = createNetworkNames([{ ...network, name: value }]);
      return (subject) => addressesOf(subject).some((address) => find(address, subject.networkType) !== undefined);
    }
    return glob((subject) => [
      ...addressesOf(subject),
      ...(subject.event === 'dns' ? [subject.questionName] : [subject.peerName, subject.clusterPeer?.name]),
    ]).make(value, '=');
  },
};

/** Where the packets go, and what was dialled. */
function addressesOf(subject: Subject): string[] {
  const dialled = subject.event === 'dns' ? undefined : subject.natOriginal?.address;
  return dialled === undefined ? [subject.peerAddress] : [subject.peerAddress, dialled];
}

/** By their names, without the operator. */
export const terms: Readonly<Record<string, Term>> = {
  proc: glob(({ process }) => [process?.executableName, process?.executablePath]),
  pid: whole('a number', 2 ** 22, ({ process }, pid) => process?.pid === pid),
  user: glob(({ process }) => [process?.userName, process && String(process.userId)]),
  parent: glob(({ process }) => [process?.parentExecutableName]),
  container: glob(({ process }) => [
    process?.container?.details?.name,
    process?.container?.kubernetes?.name,
    process?.container?.id,
  ]),
  pod: glob(({ process }) => [process?.pod?.details?.name, process?.pod?.kubernetes?.name, process?.pod?.uid]),
  ns: glob(({ process }) => [process?.pod?.details?.namespace, process?.pod?.kubernetes?.namespace]),
  unit: glob(({ process }) => [process?.systemdUnit]),
  peer,
  port: whole('a port', 65_535, (subject, port) => {
    if (subject.peerPort === port) return true;
    return subject.event !== 'dns' && (subject.localPort === port || subject.natOriginal?.port === port);
  }),
  netns: whole(
    'the inode number of a network namespace',
    2 ** 32 - 1,
    (subject, netns) => subject.networkNamespace === netns,
  ),
  proto: words(({ transport }) => transport, 'tcp', 'udp'),
  role: words(({ role }) => role, 'client', 'server', 'unknown'),
  state: words(
    ({ state }) => state,
    ...([
      'established',
      'syn_sent',
      'syn_recv',
      'fin_wait1',
      'fin_wait2',
      'time_wait',
      'close_wait',
      'last_ack',
      'listen',
      'closing',
    ] as const),
  ),
  event: words(({ event }) => event, 'open', 'update', 'close', 'failed', 'retransmit', 'reset', 'drop'),
  rtt: quantity('a time such as 50ms or 300us', seconds, (record) => record.smoothedRtt),
  retr: quantity('a number of segments', count, (record) => record.retransmits),
  sent: quantity('a size such as 1MiB', size, (record) => record.sentBytes),
  received: quantity('a size such as 1MiB', size, (record) => record.receivedBytes),
};

/** Words that stand alone. */
export const flags: Readonly<Record<string, Test>> = {
  failed: connection(({ event, errorType }) => event === 'failed' || errorType !== undefined),
  tcp: ({ transport }) => transport === 'tcp',
  udp: ({ transport }) => transport === 'udp',
};
