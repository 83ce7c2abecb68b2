/** The description of a process with other names, as an object and as the kernel side's record. */
import { decodeProcess, withoutArguments } from '../capture/process.ts';
import { sfPart, sfProcess } from '../capture/wire.gen.ts';
import type { Process } from '../model.ts';
import type { NameBook } from './anonymous-names.ts';

export function renameProcess(process: Process, names: NameBook): Process {
  const path = (text: string | undefined) => (text === undefined ? undefined : names.path(text));
  const executablePath = path(process.executablePath);
  const parentExecutablePath = path(process.parentExecutablePath);
  const { executableName, parentExecutableName, commandArgs: _, ...rest } = process;
  return {
    ...rest,
    executablePath,
    executableName: lastPart(executablePath) ?? names.word(executableName),
    parentExecutablePath,
    parentExecutableName: lastPart(parentExecutablePath) ?? (parentExecutableName && names.word(parentExecutableName)),
    cgroups: process.cgroups.map(names.cgroup),
  };
}

/** `record`: exactly one of struct sf_process. */
export function renameProcessRecord(given: Uint8Array, names: NameBook): Uint8Array {
  const record = withoutArguments(given);
  const { buffer, byteOffset, byteLength } = record;
  const process = renameProcess(decodeProcess(new DataView(buffer, byteOffset, byteLength)), names);
  const paths: (string | undefined)[] = [];
  paths[sfPart.exe] = process.executablePath;
  paths[sfPart.parentExe] = process.parentExecutablePath;
  [paths[sfPart.cgroup], paths[sfPart.cgroupMemory], paths[sfPart.cgroupPids]] = process.cgroups;
  return encode(record.subarray(0, sfProcess.data), process, paths);
}

function encode(head: Uint8Array, process: Process, paths: readonly (string | undefined)[]): Uint8Array {
  const parts = Array.from({ length: sfPart.max }, (_, index) => encodePath(paths[index]));
  const data = Buffer.concat(parts);
  const record = Buffer.concat([head, data]);
  record.writeUInt16LE(record.length, 2);
  putName(record, sfProcess.name, process.executableName);
  putName(record, sfProcess.parentName, process.parentExecutableName ?? '');
  let end = 0;
  parts.forEach((part, index) => {
    end += part.length;
    record.writeUInt16LE(end, sfProcess.partEnd + 2 * index);
  });
  return record;
}

/** NUL-terminated components, last one first. */
function encodePath(path: string | undefined): Buffer {
  if (path === undefined) return Buffer.alloc(0);
  const components = path.slice(1).split('/').reverse();
  return Buffer.from(components.map((component) => `${component}\0`).join(''));
}

/** Task names have 15 bytes at most. */
function putName(record: Buffer, offset: number, name: string): void {
  record.fill(0, offset, offset + 16);
  record.write(name, offset, 15);
}

function lastPart(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf('/') + 1);
}
