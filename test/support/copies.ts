/** The copies of a volume, held against each other as the offline tool reads them. */
import { OfflineStore } from '../../dataplane/drive/offline-store.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';

/**
 * Reads every copy and checks every block. Gives "equal", or the first byte that differs. Writes
 * that are not answered must not be under way.
 *
 * @param directories of the stores, by the names that the answer uses
 */
export async function compareCopies(directories: ReadonlyMap<string, string>): Promise<string> {
  const copies = await Promise.all(
    [...directories].map(async ([id, directory]) => {
      const store = await OfflineStore.open(new HostDisk(directory, { readOnly: true }));
      return { id, store, pieces: store.pieces() };
    }),
  );
  try {
    for (;;) {
      const read = copies.map(async ({ id, pieces }) => ({ id, ...(await pieces.next()) }));
      const [first, ...others] = await Promise.all(read);
      if (first === undefined || first.done === true) return 'equal';
      for (const each of [first, ...others]) {
        if (each.done === true) return `${each.id} is shorter than ${first.id}`;
        const { bytes, corrupt, span } = each.value;
        if (corrupt.length > 0) return `${each.id} has corrupt blocks: ${corrupt.join()}`;
        const at = difference(first.value.bytes, bytes);
        if (at !== -1) return `${first.id} and ${each.id} differ at byte ${span.offsetBytes + at}`;
      }
    }
  } finally {
    for (const { store } of copies) await store.close();
  }
}

function difference(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) return -1;
  return one.findIndex((byte, index) => byte !== other[index]);
}
