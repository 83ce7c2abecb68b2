/** The records of a batch, without decoding them. */
import { sfConnection, sfFlow, sfKind } from '../capture/wire.gen.ts';

export interface Span {
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
}

/** Up to `end`, or to what can be none. */
export function* spansOf(view: DataView, end = view.byteLength): Generator<Span> {
  for (let offset = 0; offset + 4 <= end; ) {
    const length = view.getUint16(offset + 2, true);
    if (length < 4 || offset + length > end) return;
    yield { kind: view.getUint8(offset), offset, length };
    offset += (length + 7) & ~7;
  }
}

/** What `--tcp`, `--udp` and `--network-namespace` leave of a recording; while recording the kernel side does it. */
export interface Scope {
  readonly tcp: boolean;
  readonly udp: boolean;
  /** Inode number; 0: all. */
  readonly networkNamespace: number;
}

/** The batch itself when all of it is within the scope. */
export function within(batch: ArrayBuffer, { tcp, udp, networkNamespace }: Scope): ArrayBuffer {
  if (tcp && udp && networkNamespace === 0) return batch;
  const view = new DataView(batch);
  const isWithin = ({ kind, offset }: Span): boolean => {
    if (kind !== sfKind.connection && kind !== sfKind.flow) return true;
    if (kind === sfKind.connection ? !tcp : !udp) return false;
    const netns = view.getUint32(offset + (kind === sfKind.flow ? sfFlow.netns : sfConnection.netns), true);
    return networkNamespace === 0 || netns === networkNamespace;
  };
  const all = [...spansOf(view)];
  const kept = all.filter(isWithin);
  return kept.length === all.length
    ? batch
    : concat(kept.map(({ offset, length }) => new Uint8Array(batch, offset, length)));
}

/** Records behind each other, each padded to 8 bytes. */
export function concat(records: readonly Uint8Array[]): ArrayBuffer {
  const size = records.reduce((sum, { length }) => sum + ((length + 7) & ~7), 0);
  const batch = new Uint8Array(size);
  let offset = 0;
  for (const record of records) {
    batch.set(record, offset);
    offset += (record.length + 7) & ~7;
  }
  return batch.buffer;
}
