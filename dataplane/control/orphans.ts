/**
 * Stores that lie on a disk and belong to no volume any more: their node was away while another
 * copy was made, or while the volume was deleted. They are kept and named, never deleted by
 * themselves: the last resort when everything else is lost.
 */
import type { VolumeObject } from './objects.ts';

/** Stores on a disk of this node that no volume counts as its own. */
export function orphansAmong(
  stores: readonly string[],
  node: string,
  volumes: readonly VolumeObject[],
): readonly string[] {
  const placed = new Set(
    volumes.flatMap(({ metadata, status }) =>
      status.places
        .filter((at) => at.node === node)
        .map(({ member }) => `${metadata.name}/${member}`),
    ),
  );
  // What is half removed is nobody's concern.
  return stores.filter((store) => !placed.has(store) && !store.endsWith('.removed'));
}

const orphansShown = 3;

/** What people are told of them. */
export function orphanNote(disk: string, path: string, stores: readonly string[]): string {
  const shown = stores.slice(0, orphansShown).join(', ');
  const more = stores.length > orphansShown ? ` and ${stores.length - orphansShown} more` : '';
  const what = `disk ${disk} keeps copies that no volume counts any more: ${shown}${more}`;
  return `${what}; when their volumes are Safe, remove their folders below ${path}/larder/replicas`;
}
