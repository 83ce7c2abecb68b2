/** Names that somebody chose to harm, in every place of a record where others choose a name. */
import type { ConnectionRecord, LookupRecord, Process } from '../../src/model.ts';
import { makeProcess, makeRecord, ownNetworkNamespace } from './otlp-records.ts';

/** By what they would do. Bad UTF-8 is U+FFFD by the time it is text; what a JSON answer may hold are lone surrogates. */
export const hostileNames: Readonly<Record<string, string>> = {
  'ESC: colours, and the screen cleared': '\x1b[31m\x1b[2Jred',
  'OSC 8: a link': '\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\',
  'OSC 52: into the clipboard': '\x1b]52;c;cm0gLXJmIC8=\x07',
  'CR: over what stands there': 'harmless\rroot',
  'line feeds: a line of its own': 'a\n17:00:00.000 close sshd[1]\n{"timestamp":"x"}\n',
  'BEL, BS, VT, FF, DEL': 'a\x07\b\v\f\x7fb',
  'C1: CSI and OSC in one character': '\x9b31mred\x9d0;title\x9c',
  'U+202E: reversed': 'txt.\u202eexe',
  'other bidirectional controls': '\u2066a\u2067b\u2069\u200e\u200f\u061c',
  'invisible: zero width, tags, variation selectors': 'a\u200bb\u200dc\u2060\ufeff\u{e0041}\ufe0f\u{e0100}\u034f',
  'line and paragraph separators': 'a\u2028b\u2029c',
  NUL: 'a\0b',
  'bad UTF-8': '\ufffd\ufffd(',
  'lone surrogates': '\ud800a\udfff',
  'a pair in the wrong order': '\udc00\ud800',
  '4 KiB': 'x'.repeat(4096),
  '4 KiB of wide characters': '語'.repeat(1365),
  'quotes of every kind': `'"\`$(reboot)\\`,
  HTML: '<script>alert(1)</script>&amp;',
  templates: `\${host} $__all {{x}} %s %n \\d`,
  'a name of JSON': '__proto__',
  'marks without end': `a${'\u0301'.repeat(500)}`,
};

function hostileProcess(serial: number, name: string, isInKubernetes: boolean): Process {
  return makeProcess(serial, {
    executablePath: `/opt/${name}`,
    executableName: name,
    parentExecutablePath: `/${name}`,
    parentExecutableName: name,
    cgroups: [`/${name}`],
    userName: name,
    groupName: name,
    parentUserName: name,
    systemdUnit: `${name}.service`,
    container: {
      // systemd-nspawn's are any text.
      id: name,
      runtime: 'docker',
      details: {
        runtime: 'docker',
        name,
        imageName: `registry/${name}`,
        imageTags: [name, 'latest'],
        labels: { tier: name },
        composeProject: name,
        composeService: name,
        podContainerName: name,
      },
      ...(isInKubernetes && { kubernetes: { name, imageName: name, imageTags: [name] } }),
    },
    pod: {
      uid: '7'.repeat(32),
      details: { name, namespace: name },
      ...(isInKubernetes && {
        kubernetes: {
          uid: '2f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
          name,
          namespace: name,
          node: name,
          workload: { deployment: name, replicaset: name },
          serviceName: name,
          serviceNamespace: name,
          labels: new Map([['team', name]]),
          annotations: new Map([['note', name]]),
        },
      }),
    },
  });
}

/** What a user would have to ask for to see labels. */
export const shownLabels = { containerLabels: ['tier'], podLabels: ['team'], podAnnotations: ['note'] };

/** A record of every kind of end, with the name wherever there can be one. `number`: ids of its own. */
export function hostileRecords(name: string, number = 0): ConnectionRecord[] {
  const process = hostileProcess(2 * number + 1, name, false);
  const inKubernetes = hostileProcess(2 * number + 2, name, true);
  const shared = { peerName: name, interfaceName: name, peerProcess: inKubernetes } as const;
  const place = { network: name, asOrganization: name, city: name, country: name, region: name };
  const workload = { deployment: name };
  const of = (index: number, changes: Partial<ConnectionRecord>) =>
    makeRecord(number * 10 + index, { ...shared, ...changes });
  return [
    of(0, { process, place, clusterPeer: { kind: 'pod', name, namespace: name, workload } }),
    of(1, { process: inKubernetes, event: 'failed', errorType: 'connection_refused', closeReason: 'refused' }),
    of(2, { process: inKubernetes, event: 'drop', drop: { direction: 'receive', reason: name, segments: 1 } }),
    of(3, { process, event: 'reset', reset: { direction: 'transmit', reason: name, segments: 1 } }),
    of(4, { process, transport: 'udp', closeReason: 'idle', clusterPeer: { kind: 'node', name } }),
  ];
}

export function hostileLookup(name: string): LookupRecord {
  return {
    event: 'dns',
    time: 1_795_560_264_223_456_789n,
    startTime: 1_795_560_264_123_456_789n,
    transport: 'udp',
    networkType: 'ipv4',
    peerAddress: '127.0.0.53',
    peerPort: 53,
    networkNamespace: ownNetworkNamespace,
    cookie: 9n,
    process: hostileProcess(99, name, false),
    questionName: name,
    questionType: 'A',
    errorType: 'nxdomain',
  };
}

/** What a terminal, or somebody who reads, would be led by. */
export const misleading = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|\p{Variation_Selector}|\u034f/u;
