/** A record as one line: time, verb, owner, direction, peer, and last what matters. */
import type { ConnectionRecord, LookupRecord, Process } from '../../model.ts';
import { durationOf } from '../semconv.ts';
import { secondsBetween, toHrTime } from '../time.ts';
import type { Colors, Layout } from './layout.ts';
import { sanitise } from './sanitise.ts';
import { formatTail } from './tail.ts';
import { formatDuration } from './units.ts';
import { cutMiddle, displayWidth, pad } from './width.ts';

export interface LineOptions {
  readonly layout: Layout;
  readonly colors: Colors;
}

/** The line of a record, without the line feed. */
export function formatLine(record: ConnectionRecord, { layout, colors }: LineOptions): string {
  const verb = verbOf(record);
  const shown = verb.padEnd(5);
  const cells = [
    formatTime(record.time),
    isTrouble(verb) ? colors.red(shown) : shown,
    ...ownerCells(record.process, layout),
    ...(layout.localPort > 0
      ? [(record.localPort ? `:${record.localPort}` : layout.symbols.none).padEnd(layout.localPort)]
      : []),
    arrowOf(record, layout),
    peerCell(record, layout),
    formatTail(record, durationOf(record), layout, colors),
  ];
  return cells.join(' ').trimEnd();
}

/** The line of a look-up that failed: what was asked for stands where a peer would. */
export function formatLookup(lookup: LookupRecord, { layout, colors }: LineOptions): string {
  const { symbols } = layout;
  const seconds = secondsBetween(lookup.startTime, lookup.time);
  const cells = [
    formatTime(lookup.time),
    colors.red('DNS  '),
    ...ownerCells(lookup.process, layout),
    ...(layout.localPort > 0 ? [pad('', layout.localPort)] : []),
    symbols.dialled,
    cell({ name: lookup.questionName || '.', fixed: ` ${lookup.questionType}` }, layout.peer, layout),
    `${lookup.errorType ?? ''} ${formatDuration(seconds, symbols.microseconds)}`.trimStart(),
  ];
  return cells.join(' ').trimEnd();
}

function ownerCells(process: Process | undefined, layout: Layout): string[] {
  return [
    cell(nameAndPid(process?.executableName, process?.pid), layout.owner, layout),
    ...(layout.user > 0 ? [cell(split(userOf(process)), layout.user, layout)] : []),
    ...(layout.parent > 0 ? [cell(parentOf(process), layout.parent, layout)] : []),
    ...(layout.container > 0 ? [cell(split(containerOf(process)), layout.container, layout)] : []),
  ];
}

/** The names of the columns, as a comment line. */
export function formatHeader(layout: Layout): string {
  const columns = [
    pad('# TIME', 12),
    'EVENT',
    pad('PROCESS[PID]', layout.owner),
    ...(layout.user > 0 ? [pad('USER', layout.user)] : []),
    ...(layout.parent > 0 ? [pad('PARENT[PID]', layout.parent)] : []),
    ...(layout.container > 0 ? [pad('POD/CONTAINER', layout.container)] : []),
    ...(layout.localPort > 0 ? [pad('LOCAL', layout.localPort)] : []),
    pad('', layout.symbols.dialled.length),
    pad('PEER', layout.peer),
    'DETAILS',
  ];
  return columns.join(' ');
}

/** Lower case is normal, CAPITALS are trouble: grep finds it without colour. */
export function verbOf({ event, transport, closeReason, errorType }: ConnectionRecord): string {
  if (event === 'close' && transport === 'udp') return errorType === undefined ? 'udp' : 'UDP';
  if (event === 'failed') return 'FAIL';
  if (event === 'retransmit') return 'RETR';
  if (event === 'reset') return 'rst';
  if (event === 'drop') return 'DROP';
  if (closeReason === 'reset_local' || closeReason === 'reset_remote') return 'RESET';
  if (event === 'update') return 'live';
  return event === 'close' && errorType !== undefined ? 'CLOSE' : event;
}

export function isTrouble(verb: string): boolean {
  return verb === verb.toUpperCase();
}

/** A cell with a part that may be cut, and one that may not: a pid or a port is worthless when cut. */
export interface Parts {
  readonly name: string;
  readonly fixed: string;
}

function cell(parts: Parts, width: number, layout: Layout): string {
  return pad(shorten(parts, width, layout), width);
}

export function shorten({ name, fixed }: Parts, width: number, { cut, symbols }: Layout): string {
  const clean = sanitise(name, symbols.ascii);
  return (cut ? cutMiddle(clean, width - fixed.length, symbols.cut) : clean) + fixed;
}

export function split(name: string): Parts {
  return { name, fixed: '' };
}

const nobody = split('-');

export function nameAndPid(name: string | undefined, pid: number | undefined): Parts {
  if (pid === undefined) return nobody;
  return { name: name || '?', fixed: `[${pid}]` };
}

export function parentOf(process: Process | undefined): Parts {
  return process ? nameAndPid(process.parentExecutableName, process.parentPid) : nobody;
}

export function userOf(process: Process | undefined): string {
  return process ? (process.userName ?? `${process.userId}`) : '-';
}

/** `NAMESPACE/POD`, else `RUNTIME:NAME`; as long as the name is not known, what the cgroup says; `-` where there is none. */
export function containerOf(process: Process | undefined): string {
  const { pod, container } = process ?? {};
  const named = pod?.kubernetes ?? pod?.details;
  if (named) return `${named.namespace}/${named.name}`;
  if (container) {
    const name = container.details?.name ?? container.id.slice(0, SHORT_ID);
    return `${container.runtime ?? container.details?.runtime ?? 'container'}:${name}`;
  }
  return pod ? `pod:${pod.uid}` : '-';
}

/** As `docker ps` shows it. */
const SHORT_ID = 12;

export function arrowOf({ role }: ConnectionRecord, { symbols }: Layout): string {
  if (role === 'client') return symbols.dialled;
  return role === 'server' ? symbols.accepted : symbols.unknown;
}

export function peerOf(record: ConnectionRecord, none = '–'): Parts {
  const { peerName, natOriginal, peerAddress, peerPort, networkType, state, reset } = record;
  if (peerAddress === '') return split(reset ? '(many peers)' : state === 'listen' ? none : '(other peers)');
  const port = reset && reset.segments > 1 && peerPort === 0 ? '*' : peerPort;
  if (peerName !== undefined) return { name: peerName, fixed: `:${natOriginal?.port ?? peerPort}` };
  if (networkType === 'ipv4') return { name: peerAddress, fixed: `:${port}` };
  return { name: `[${peerAddress}`, fixed: `]:${port}` };
}

/** Less of who is behind an address says nothing. */
const LEAST_ABOUT = 5;

/** The address, and behind it as much of who that is as there is room for. */
export function peerCell(record: ConnectionRecord, layout: Layout): string {
  const address = cell(peerOf(record, layout.symbols.none), layout.peer, layout);
  const about = aboutPeer(record, layout);
  if (about === undefined) return address;
  const shown = address.trimEnd();
  const room = layout.cut ? layout.peer - displayWidth(shown) - 1 : Number.POSITIVE_INFINITY;
  const isEnough = room >= Math.min(LEAST_ABOUT, about.name.length + about.fixed.length);
  if (!isEnough) return address;
  // Where there is no room for both, the name is worth more than the pid.
  const parts = about.fixed.length + LEAST_ABOUT > room ? split(about.name) : about;
  return pad(`${shown} ${shorten(parts, room, layout)}`, layout.peer);
}

/** The process when it is on this host, else the address of a name, and where that is. */
function aboutPeer({ peerProcess, peerName, peerAddress, place }: ConnectionRecord, layout: Layout): Parts | undefined {
  if (peerProcess) return nameAndPid(peerProcess.executableName, peerProcess.pid);
  const address = peerName !== undefined && layout.isWide ? peerAddress : undefined;
  const where = [address, place?.network, place?.country, place?.asOrganization].filter((part) => part !== undefined);
  return where.length > 0 ? split(where.join(' ')) : undefined;
}

let lastSecond = -1;
let lastText = '';

/** Local time: hh:mm:ss.mmm. */
export function formatTime(time: bigint): string {
  const [second, nanoseconds] = toHrTime(time);
  if (second !== lastSecond) {
    lastSecond = second;
    const date = new Date(second * 1000);
    lastText = [date.getHours(), date.getMinutes(), date.getSeconds()]
      .map((part) => `${part}`.padStart(2, '0'))
      .join(':');
  }
  return `${lastText}.${`${Math.floor(nanoseconds / 1e6)}`.padStart(3, '0')}`;
}
