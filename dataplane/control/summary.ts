/**
 * What a person sees first of a volume: are the data safe, and if not, why and what to do. Derived
 * from the record alone, so that it cannot say more than what is known.
 */
import { lostRecordOf } from './lost-record.ts';
import type { StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';

type Summary = Pick<VolumeStatus, 'safety' | 'copies' | 'message'>;

export function summaryOf(volume: VolumeObject, nodes: readonly StorageNodeObject[]): Summary {
  const { spec, status, metadata } = volume;
  const { record } = status;
  if (metadata.deletionTimestamp !== undefined) {
    const left = status.places.map(({ node }) => node).join(', ');
    const message =
      status.attachedTo === ''
        ? `Copies are being removed on ${left}`
        : `It is deleted, but still attached to ${status.attachedTo}: end the pods that use it`;
    return { safety: 'Deleting', copies: status.copies, message };
  }
  const places = status.places.filter(({ erase }) => !erase);
  const gone = lostRecordOf(volume);
  if (gone !== '') return { safety: 'Unreachable', copies: `0/${spec.copies}`, message: gone };
  if (record === undefined) {
    const message = status.message === '' ? 'Looking for disks' : status.message;
    return { safety: 'Creating', copies: `0/${spec.copies}`, message };
  }
  const nodeOf = (member: string) =>
    places.find((place) => place.member === member)?.node ?? member;
  const good = record.members.filter(({ inSync }) => inSync);
  const behind = record.members.filter(({ inSync }) => !inSync);
  const copies = `${good.length}/${spec.copies}`;
  const problems = places.filter(({ problem }) => problem !== '');
  const notes = problems.map(({ node, disk, problem }) => `${node} disk ${disk}: ${problem}`);
  if (places.some(({ made }) => !made) && record.epoch === 0) {
    const waiting = places.filter(({ made }) => !made).map(({ node }) => node);
    const message = [`Waiting for ${waiting.join(', ')} to make its copy`, ...notes].join('; ');
    return { safety: 'Creating', copies, message };
  }
  const reachable = good.filter(({ id }) => isHeard(nodeOf(id), nodes));
  if (reachable.length === 0) {
    const where = good.map(({ id }) => nodeOf(id)).join(', ');
    const message = `No node with a good copy is heard of: bring back ${where}`;
    return { safety: 'Unreachable', copies, message };
  }
  if (good.length < spec.copies) {
    const missing = behind.map(({ id }) => nodeOf(id));
    const what =
      missing.length === 0
        ? 'A copy is missing and has to be placed'
        : status.attachedTo === ''
          ? `The copy on ${missing.join(', ')} is behind; it catches up when the volume is attached`
          : `The copy on ${missing.join(', ')} is away or catching up`;
    return { safety: 'Degraded', copies, message: [what, ...notes].join('; ') };
  }
  const lost = good.filter((member) => !reachable.includes(member)).map(({ id }) => nodeOf(id));
  if (lost.length > 0) {
    const message = [`Not heard of: ${lost.join(', ')}`, ...notes].join('; ');
    return { safety: 'Degraded', copies, message };
  }
  return { safety: 'Safe', copies, message: notes.join('; ') };
}

function isHeard(node: string, nodes: readonly StorageNodeObject[]): boolean {
  const found = nodes.find(({ metadata }) => metadata.name === node);
  return found !== undefined && found.status.health !== 'Unknown';
}
