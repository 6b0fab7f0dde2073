/**
 * A volume without a record is new, unless something else says that it was used: then somebody took
 * the record away, and making another would be an empty volume in place of a full one.
 */
import type { VolumeObject } from './objects.ts';

/** What to do, for people; empty for a volume that is new indeed. */
export function lostRecordOf({ metadata, status }: VolumeObject): string {
  const { record, places, formatted, attachedTo } = status;
  if (record !== undefined) return '';
  const copies = places.filter(({ erase }) => !erase);
  if (copies.length === 0 && formatted === 'no' && attachedTo === '') return '';
  const where =
    copies.length === 0
      ? 'StorageNodes name what lies on their disks'
      : `copies lie on ${copies.map(({ node, disk }) => `${node} disk ${disk}`).join(', ')}`;
  return `The record of this volume was taken out of its status, and it was used: no other is made. Put status.record back from a backup of the control plane, or copy a copy out with larder-nbd (${where}); kubectl get lvol ${metadata.name} -o yaml shows what is left`;
}
