/**
 * Which copies a volume does not need: those on nodes that are to be emptied, once others stand in
 * for them, and those beyond what was asked for. Never one without which fewer failure domains
 * would hold a good copy than the owner wants.
 */
import { type Copy, domainsOf, engineNodeOf } from './copies.ts';
import type { VolumeObject } from './objects.ts';

/** How full a disk is with what was promised, 0 to 1. */
export type FillOf = (node: string, disk: string) => number;

/**
 * Good copies that may leave; the others are as many as wanted. Empty when nothing can be spared.
 *
 * @param sound copies that are in sync and in no trouble
 */
export function surplusAmong(
  volume: VolumeObject,
  sound: readonly Copy[],
  fillOf: FillOf,
): readonly Copy[] {
  const { copies } = volume.spec;
  const local = engineNodeOf(volume);
  const surplus: Copy[] = [];
  let staying = sound;
  for (const copy of sound.toSorted((a, b) => worse(a, b, local, fillOf))) {
    const without = staying.filter((other) => other !== copy);
    // Only those who stay for good count: one that leaves too is no reason to let this one go.
    const lasting = without.filter(({ leaving }) => !leaving);
    const tooMany = copy.leaving || staying.filter(({ leaving }) => !leaving).length > copies;
    if (!tooMany || domainsOf(lasting) < copies) continue;
    surplus.push(copy);
    staying = without;
  }
  return surplus;
}

/**
 * Who goes first: from a node that is to be emptied, whoever was asked before, who is not where the
 * volume is used, from the fullest disk. Names decide between equals, so that everybody who asks
 * gets the same answer.
 */
function worse(a: Copy, b: Copy, local: string, fillOf: FillOf): number {
  const rank = (copy: Copy): readonly number[] => [
    copy.leaving ? 0 : 1,
    copy.retiring === true ? 0 : 1,
    copy.node === local ? 1 : 0,
    -fillOf(copy.node, copy.place?.disk ?? ''),
  ];
  const [left, right] = [rank(a), rank(b)];
  const index = left.findIndex((value, at) => value !== right[at]);
  if (index !== -1) return (left[index] ?? 0) - (right[index] ?? 0);
  return a.id < b.id ? -1 : 1;
}
