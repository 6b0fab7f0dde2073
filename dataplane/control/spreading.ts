/**
 * Spreading what is there over the disks: which copy should go where there is more room, for
 * instance on a node that is new. One copy of the whole shelf at a time, and only while nothing
 * else is going on, so that a new disk never begins a storm.
 *
 * Promises: every move takes more from the fuller disk than it adds to the emptier one, by a margin
 * that keeps it from being undone; so moves come to an end.
 */
import { copiesOf, domainsOf, engineNodeOf, type Shelf } from './copies.ts';
import type { VolumeObject } from './objects.ts';
import { fillsOf, place } from './placement.ts';

/** By how much of a disk one has to be fuller than the other for a move to be worth its writes. */
const gainMin = 0.2;

export interface Move {
  readonly volume: string;
  readonly member: string;
  readonly note: string;
}

/** The next copy to move; undefined when all is well as it is, or when something is going on. */
export function spreadingOf(shelf: Shelf): Move | undefined {
  const { nodes, volumes } = shelf;
  const troubled = nodes.some(({ status }) => status.health !== 'Ready');
  if (troubled || !volumes.every((volume) => isQuiet(volume, shelf))) return undefined;
  const fillOf = fillsOf(nodes, volumes);
  let best: (Move & { readonly gain: number }) | undefined;
  for (const volume of volumes) {
    // Before its first use nothing can be moved: nobody has opened it.
    if ((volume.status.record?.epoch ?? 0) === 0) continue;
    const copies = copiesOf(volume, shelf);
    // Two in one failure domain are a matter of repair.
    if (domainsOf(copies) < copies.length) continue;
    const { sizeBytes } = volume.spec;
    for (const copy of copies) {
      // Where a volume is used its copy stays: it is the one that is read.
      if (copy.place === undefined || copy.node === engineNodeOf(volume)) continue;
      const fullest = fillOf(copy.node, copy.place.disk);
      if (fullest < gainMin || (best !== undefined && fullest < best.gain)) continue;
      const kept = copies.flatMap((other) => (other === copy ? [] : (other.place ?? [])));
      const elsewhere = nodes.filter(({ metadata }) => metadata.name !== copy.node);
      const found = place({ ...volume.spec, copies: copies.length }, elsewhere, volumes, kept);
      const [spot] = found.kind === 'placed' ? found.spots : [];
      if (spot === undefined) continue;
      const before = fullest + fillOf(copy.node, copy.place.disk, -sizeBytes);
      const target = fillOf(spot.node, spot.disk);
      const filled = fillOf(spot.node, spot.disk, sizeBytes);
      const gain = (before - target - filled) / 2;
      if (gain < gainMin || filled >= fullest || gain <= (best?.gain ?? 0)) continue;
      const note = `The copy on ${copy.node} goes to ${spot.node}, where there is more room`;
      best = { volume: volume.metadata.name, member: copy.id, note, gain };
    }
  }
  return best;
}

/** Born, not on its end, every copy in sync, and nothing asked of any of them. */
function isQuiet(volume: VolumeObject, shelf: Shelf): boolean {
  const { metadata, spec, status } = volume;
  if (metadata.deletionTimestamp !== undefined || status.tendedBy !== '') return false;
  const copies = copiesOf(volume, shelf);
  return (
    copies.length === spec.copies &&
    status.places.every(({ made, erase }) => made && !erase) &&
    copies.every(({ inSync, trouble, leaving, retiring }) => {
      return inSync && trouble === '' && !leaving && retiring !== true;
    })
  );
}
