/** The kinds of values that an option can have: what to type, what was expected if it was something else. */
import { type NamedNetwork, parseNetwork } from '../enrich/networks.ts';
import { readOwnNetworkNamespace } from '../export/host.ts';
import { isPlainUrl, mayHaveSecret } from '../export/otlp/settings.ts';
import { defaultMetricAttributes, metricAttributeNames, readLabelKey } from '../export/semconv.ts';
import { type ColumnName, columnNames } from '../export/text/column-names.ts';
import { type Account, findAccount } from './account.ts';
import { nearest } from './nearest.ts';
import { parseDuration, parseInteger, parsePair, parseSize } from './units.ts';

export interface Kind<Value> {
  readonly type: 'flag' | 'value' | 'repeated';
  /** Shown in the help behind the name. */
  readonly placeholder: string;
  /** All that it can be, or of `LIST` its parts; absent when that is not a few words. */
  readonly words?: readonly string[];
  /** Completes the sentence "--name expects …". */
  readonly expects: string;
  /** What is wrong with a text that `parse` does not understand, where that can be said better. */
  readonly explain?: (text: string) => string | undefined;
  /** Whether what was typed must not be repeated in a message. */
  readonly isSecret?: (text: string) => boolean;
  /** Undefined: not understood. Of `repeated` kinds it gets the texts joined with line feeds. */
  readonly parse: (text: string) => Value | undefined;
}

export const flag: Kind<boolean> = {
  type: 'flag',
  placeholder: '',
  expects: 'true or false',
  parse: (text) => ({ true: true, false: false, 1: true, 0: false })[text.toLowerCase()],
};

export const account: Kind<Account> = {
  type: 'value',
  placeholder: 'USER',
  expects: 'a user of /etc/passwd, or numbers as UID or UID:GID',
  parse: (text) => findAccount(text),
};

export const duration: Kind<number> = {
  type: 'value',
  placeholder: 'TIME',
  expects: 'a time such as 500ms, 10s, 5m or 1h',
  parse: parseDuration,
};

export function size(least: number): Kind<number> {
  const parse = (text: string) => {
    const bytes = parseSize(text);
    return bytes !== undefined && bytes >= least ? bytes : undefined;
  };
  return {
    type: 'value',
    placeholder: 'SIZE',
    expects: `a size such as 64MiB or 512KiB, at least ${least} bytes`,
    parse,
  };
}

/** What the kernel accepts for a ring: a power of two, whole pages. */
export const ringSize: Kind<number> = {
  type: 'value',
  placeholder: 'SIZE',
  expects: 'a power of two from 64KiB to 1GiB, such as 16MiB',
  parse: (text) => {
    const bytes = parseSize(text) ?? 0;
    return bytes >= 2 ** 16 && bytes <= 2 ** 30 && Number.isInteger(Math.log2(bytes)) ? bytes : undefined;
  },
};

export function integer(least: number, most: number): Kind<number> {
  return {
    type: 'value',
    placeholder: 'N',
    expects: `a whole number from ${least} to ${most}`,
    parse: (text) => parseInteger(text, least, most),
  };
}

/** Inode number of a network namespace, as records show it. */
export const networkNamespace: Kind<number> = {
  type: 'value',
  placeholder: 'INODE|self',
  expects: 'self, or the inode number of a network namespace, such as 4026531840 (see `lsns -t net`)',
  parse: (text) => (text === 'self' ? readOwnNetworkNamespace() : parseInteger(text, 1, 2 ** 32 - 1)),
};

export function oneOf<const Word extends string>(...words: Word[]): Kind<Word> {
  return {
    type: 'value',
    placeholder: words.join('|'),
    words,
    expects: `one of ${words.join(', ')}`,
    parse: (text) => words.find((word) => word === text),
  };
}

export function someOf<const Word extends string>(placeholder: string, ...words: Word[]): Kind<readonly Word[]> {
  return {
    type: 'value',
    placeholder,
    words,
    expects: `some of ${words.join(',')}, with commas between`,
    explain: (text) => {
      const unknown = text
        .split(',')
        .find((part) => !(words as string[]).includes(part.trim()))
        ?.trim();
      const meant = unknown ? nearest(unknown, words) : undefined;
      return meant && `there is no ${unknown}; did you mean ${meant}?`;
    },
    parse: (text) => {
      const given = text.split(',').map((part) => part.trim());
      const found = words.filter((word) => given.includes(word));
      return given.every((part) => (words as string[]).includes(part)) ? found : undefined;
    },
  };
}

/** In the order in which they are typed; each once. */
export const columns: Kind<readonly ColumnName[]> = {
  type: 'value',
  placeholder: 'LIST',
  words: columnNames,
  expects: `some of ${columnNames.join(',')}, with commas between`,
  explain: (text) => {
    const unknown = text.split(',').find((part) => !isColumn(part.trim())) ?? '';
    const meant = nearest(unknown.trim(), columnNames);
    if (unknown === '') return `a column is named twice: ${text}`;
    return `there is no column ${unknown.trim()}${meant ? `; did you mean ${meant}?` : `; there are ${columnNames.join(', ')}`}`;
  },
  parse: (text) => {
    const given = text.split(',').map((part) => part.trim());
    return given.every(isColumn) && new Set(given).size === given.length ? given : undefined;
  },
};

const isColumn = (text: string): text is ColumnName => (columnNames as readonly string[]).includes(text);

export const file: Kind<string> = {
  type: 'value',
  placeholder: 'FILE',
  expects: 'the name of a file',
  parse: (text) => text || undefined,
};

export const directory: Kind<string> = {
  type: 'value',
  placeholder: 'DIR',
  expects: 'the name of a directory',
  parse: (text) => text || undefined,
};

export const root: Kind<string> = {
  type: 'value',
  placeholder: 'DIR',
  expects: 'the absolute name of a directory, such as /host',
  parse: (text) => (text.startsWith('/') ? text : undefined),
};

/** A key is part of the name of an attribute, so it has a length. */
const LABEL = /^[\w./-]{1,60}$/;

export const labels: Kind<readonly string[]> = {
  type: 'value',
  placeholder: 'LIST',
  expects: 'keys of labels such as tier,org.example.team, of at most 60 letters, digits and . _ - /',
  parse: (text) => {
    const keys = text === '' ? [] : text.split(',').map((key) => key.trim());
    return keys.every((key) => LABEL.test(key)) ? [...new Set(keys)] : undefined;
  },
};

/** What series are told apart by: exactly these; or, each with + or -, changes of the default. */
export const metricAttributes: Kind<readonly string[]> = {
  type: 'value',
  placeholder: 'LIST',
  expects:
    'names such as network.transport,service.name, or changes such as +container.name,-server.port (docs/attributes.md lists them)',
  parse: (text) => {
    const parts = text === '' ? [] : text.split(',').map((part) => part.trim());
    const changes = parts.filter((part) => /^[+-]/.test(part));
    const names = parts.map((part) => part.replace(/^[+-]/, ''));
    if (!names.every(isMetricAttribute)) return undefined;
    if (changes.length === 0) return parts.length === 0 ? defaultMetricAttributes : [...new Set(parts)];
    if (changes.length < parts.length) return undefined;
    const chosen = new Set(defaultMetricAttributes);
    for (const [index, part] of parts.entries())
      if (part.startsWith('+')) chosen.add(names[index] as string);
      else chosen.delete(names[index] as string);
    return [...chosen];
  },
};

function isMetricAttribute(name: string): boolean {
  const { label } = readLabelKey(name) ?? {};
  return label === undefined ? metricAttributeNames.includes(name) : LABEL.test(label);
}

export const sockets: Kind<readonly string[]> = {
  type: 'repeated',
  placeholder: 'SOCKET',
  expects: 'the absolute name of a unix socket, such as unix:///run/containerd/containerd.sock',
  parse: (text) => {
    const names = text === '' ? [] : text.split('\n').map((name) => name.replace(/^unix:\/\//, ''));
    return names.every((name) => name.startsWith('/')) ? names : undefined;
  },
};

/** Where to listen: a port alone is one of this host's own loopback. */
export const address: Kind<{ readonly host: string; readonly port: number }> = {
  type: 'value',
  placeholder: 'ADDRESS',
  expects: 'a port of 127.0.0.1 such as 9464, or an address and a port such as 0.0.0.0:9464 or [::1]:9464',
  parse: (text) => {
    const [, ipv6, host, digits = ''] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):)?(\d{1,5})$/.exec(text) ?? [];
    const port = parseInteger(digits, 1, 65_535);
    return port === undefined ? undefined : { host: ipv6 ?? host ?? '127.0.0.1', port };
  },
};

/** Where a kubelet or another server of HTTP listens. */
export const httpUrl: Kind<string> = {
  type: 'value',
  placeholder: 'URL',
  expects: 'a URL such as http://127.0.0.1:10255 or https://127.0.0.1:10250, without user, password or query',
  isSecret: mayHaveSecret,
  parse: (text) => {
    const url = URL.parse(text);
    return url && isPlainUrl(url) ? text : undefined;
  },
};

/** As Kubernetes calls nodes; part of a question, so nothing else may be in it. */
export const nodeName: Kind<string> = {
  type: 'value',
  placeholder: 'NAME',
  expects: 'the name of a node: lower-case letters, digits and . -',
  parse: (text) => (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text) ? text : undefined),
};

export const files: Kind<readonly string[]> = {
  type: 'repeated',
  placeholder: 'FILE',
  expects: 'the name of a file',
  parse: (text) => {
    const names = text === '' ? [] : text.split('\n');
    return names.every((name) => name !== '') ? names : undefined;
  },
};

export const networkNames: Kind<readonly NamedNetwork[]> = {
  type: 'repeated',
  placeholder: 'CIDR=NAME',
  expects: 'a network and its name such as 10.0.0.0/8=corp or 2001:db8::/32=lab',
  parse: (text) => {
    const read = text === '' ? [] : text.split('\n').map(parseNetworkName);
    return read.every((network) => network !== undefined) ? read : undefined;
  },
};

function parseNetworkName(text: string): NamedNetwork | undefined {
  const [cidr = '', name = ''] = parsePair(text) ?? [];
  const network = parseNetwork(cidr);
  return network && name !== '' ? { ...network, name } : undefined;
}
