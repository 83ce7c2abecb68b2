/** Decodes the kernel's description of a process (struct sf_process). */
import type { Process } from '../model.ts';
import { sfPart, sfProcess } from './wire.gen.ts';

const decoder = new TextDecoder('utf-8'); // what is not UTF-8 becomes U+FFFD

/** `record` holds exactly one record. */
export function decodeProcess(record: DataView): Process {
  const data = new Uint8Array(record.buffer, record.byteOffset + sfProcess.data, record.byteLength - sfProcess.data);
  const executablePath = path(part(record, data, sfPart.exe));
  const parentExecutablePath = path(part(record, data, sfPart.parentExe));
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
  };
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
