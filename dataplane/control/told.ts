/** The status of a volume with everything that people see of it, derived anew. */
import { addressOf } from './birth.ts';
import { laidOver, volumeConditions } from './conditions.ts';
import type { StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';
import { summaryOf } from './summary.ts';

/**
 * @param note what is being done about the copies; empty when nothing is
 * @param now the wall clock as text, for people
 */
export function told(
  volume: VolumeObject,
  nodes: readonly StorageNodeObject[],
  note: string,
  now: string,
): VolumeStatus {
  const { status } = volume;
  const summary = summaryOf(volume, nodes);
  const lost = status.conditions.find(
    ({ type, status: is }) => type === 'DataLost' && is === 'True',
  );
  const parts = [summary.message, note, lost?.message ?? ''];
  const message = parts.filter((part) => part !== '').join('; ');
  const said = volumeConditions(summary, note);
  const conditions = laidOver(status.conditions, said, now);
  return { ...status, ...summary, message, conditions };
}

/** A node may come back with another address; its members are reached there from then on. */
export function withAddresses(
  volume: VolumeObject,
  nodes: readonly StorageNodeObject[],
): VolumeObject {
  const { record, places } = volume.status;
  if (record === undefined) return volume;
  const members = record.members.map((member) => {
    const node = places.find((at) => at.member === member.id)?.node ?? '';
    const address = addressOf(node, nodes);
    return address === '' || address === member.address ? member : { ...member, address };
  });
  return { ...volume, status: { ...volume.status, record: { ...record, members } } };
}
