/** Decodes the kernel's description of a process (struct sf_process). */
import type { Process } from '../model.ts';
import { redactArguments } from './arguments/index.ts';
import { sfPart, sfProcess, sfProcessFlag } from './wire.gen.ts';

const decoder = new TextDecoder('utf-8'); // what is not UTF-8 becomes U+FFFD

/** `record` holds exactly one record. */
export function decodeProcess(record: DataView): Process {
  const data = new Uint8Array(record.buffer, record.byteOffset + sfProcess.data, record.byteLength - sfProcess.data);
  const executablePath = path(part(record, data, sfPart.exe));
  const parentExecutablePath = path(part(record, data, sfPart.parentExe));
  const commandArgs = argumentsOf(record, data);
  return {
    serial: record.getUint32(sfProcess.serial, true),
    pid: record.getUint32(sfProcess.pid, true),
    startTime: record.getBigUint64(sfProcess.startNs, true),
    executablePath,
    executableName: lastPart(executablePath) ?? text(bytes(record, sfProcess.name, 16)),
    parentPid: record.getUint32(sfProcess.parentPid, true),
    parentExecutablePath,
    parentExecutableName: lastPart(parentExecutablePath) ?? text(bytes(record, sfProcess.parentName, 16)),
    userId: record.getUint32(sfProcess.userId, true),
    groupId: record.getUint32(sfProcess.groupId, true),
    parentUserId: record.getUint32(sfProcess.parentUserId, true),
    namespacePid: record.getUint32(sfProcess.namespacePid, true),
    cgroups: cgroups(record, data),
    ...(commandArgs && { commandArgs }),
  };
}

/** Undefined when the kernel side did not send them. What it sent leaves this function only without secrets. */
function argumentsOf(record: DataView, data: Uint8Array): string[] | undefined {
  const flags = record.getUint8(sfProcess.flags);
  if (!(flags & sfProcessFlag.arguments)) return undefined;
  const begin = endOfParts(record);
  return readArguments(data.subarray(begin), (flags & sfProcessFlag.argumentsCut) !== 0);
}

export const CUT = '[CUT]';

/**
 * As a process has them in its memory: each ended by NUL. Of what is cut the last one goes as a whole, since half a secret
 * may not look like one. A program that writes its own title there leaves NULs behind it.
 */
export function readArguments(bytes: Uint8Array, isCut: boolean): string[] {
  const given = decoder.decode(bytes).split('\0');
  const whole = isCut ? given.slice(0, -1) : trimEnd(given);
  return isCut ? [...redactArguments(whole), CUT] : redactArguments(whole);
}

function trimEnd(given: readonly string[]): readonly string[] {
  return given.slice(0, given.findLastIndex((argument) => argument !== '') + 1);
}

/** The same record without arguments. */
export function withoutArguments(record: Uint8Array): Uint8Array {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const rest = record.slice(0, sfProcess.data + endOfParts(view));
  const copy = new DataView(rest.buffer);
  copy.setUint16(sfProcess.length, rest.length, true);
  copy.setUint8(sfProcess.flags, view.getUint8(sfProcess.flags) & sfProcessFlag.cut);
  return rest;
}

/** Offset in data. */
function endOfParts(record: DataView): number {
  return record.getUint16(sfProcess.partEnd + 2 * (sfPart.max - 1), true);
}

function cgroups(record: DataView, data: Uint8Array): string[] {
  const all = [sfPart.cgroup, sfPart.cgroupMemory, sfPart.cgroupPids].map((index) => path(part(record, data, index)));
  return [...new Set(all.filter((group) => group !== undefined))];
}

function bytes(record: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(record.buffer, record.byteOffset + offset, length);
}

function part(record: DataView, data: Uint8Array, index: number): Uint8Array {
  const end = record.getUint16(sfProcess.partEnd + 2 * index, true);
  const begin = index === 0 ? 0 : record.getUint16(sfProcess.partEnd + 2 * (index - 1), true);
  return data.subarray(begin, end);
}

/** NUL-terminated components, last one first. No component: no path is known. */
function path(components: Uint8Array): string | undefined {
  if (components.length === 0) return undefined;
  const names: string[] = [];
  for (let begin = 0; begin < components.length; ) {
    const end = components.indexOf(0, begin);
    const stop = end < 0 ? components.length : end;
    names.push(decoder.decode(components.subarray(begin, stop)));
    begin = stop + 1;
  }
  return `/${names.reverse().join('/')}`;
}

function lastPart(whole: string | undefined): string | undefined {
  return whole?.slice(whole.lastIndexOf('/') + 1);
}

/** Up to the first NUL. */
export function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}
