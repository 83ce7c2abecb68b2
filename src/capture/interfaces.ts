/** Names of network interfaces: the reader thread tells each before the first record that has its index. */
import { LRUCache } from 'lru-cache';
import { text } from './process.ts';
import { sfInterface } from './wire.gen.ts';

const limit = 65_536;
/** The same in every network namespace. */
const loopback = 1;

export interface Interfaces {
  /** `record`: exactly one of struct sf_interface. */
  learn(record: DataView): void;
  /** Undefined for index 0, and for what is not known. */
  nameOf(networkNamespace: number, index: number): string | undefined;
}

export function createInterfaces(): Interfaces {
  const names = new LRUCache<string, string>({ max: limit });
  let lastNamespace = 0;
  let lastIndex = 0;
  let lastName: string | undefined;

  return {
    learn(record) {
      const networkNamespace = record.getUint32(sfInterface.netns, true);
      const index = record.getUint32(sfInterface.index, true);
      const name = new Uint8Array(record.buffer, record.byteOffset + sfInterface.name, 16);
      names.set(`${networkNamespace}/${index}`, text(name));
      lastIndex = 0;
    },
    nameOf(networkNamespace, index) {
      if (index <= loopback) return index === loopback ? 'lo' : undefined;
      // Most hosts have one interface to speak of: no text is made for each record.
      if (index !== lastIndex || networkNamespace !== lastNamespace) {
        lastName = names.get(`${networkNamespace}/${index}`);
        lastNamespace = networkNamespace;
        lastIndex = index;
      }
      return lastName;
    },
  };
}
