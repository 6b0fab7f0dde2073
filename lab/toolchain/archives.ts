/** Official release archives, downloaded once, checked, unpacked and kept in the cache. */
import path from 'node:path';
import { downloadArchive } from './download.ts';
import { archiveKey, archiveOf } from './locate.ts';
import { Maker } from './maker.ts';
import type { Catalogue, ToolContext } from './tool.ts';

/**
 * Makes sure of all of them; returns the folder of each. Throws `Unavailable` when one cannot be
 * had from here.
 */
export async function obtainArchives(
  names: readonly string[],
  context: ToolContext,
  catalogue: Catalogue,
): Promise<ReadonlyMap<string, string>> {
  const maker = new Maker(context, catalogue);
  const { cache } = maker.places;
  const folders = new Map<string, string>();
  const missing: string[] = [];
  for (const name of names) {
    const kept = await cache.find(archiveKey(name, archiveOf(name, catalogue)));
    if (kept === undefined) missing.push(name);
    else folders.set(name, kept);
  }
  maker.expect(missing.length);
  for (const name of missing) folders.set(name, await makeArchive(name, maker));
  return folders;
}

/** One step of progress; returns the folder it was unpacked into. */
export async function makeArchive(name: string, maker: Maker): Promise<string> {
  const archive = archiveOf(name, maker.places.catalogue);
  const { what, version, programs } = archive;
  const title = `Downloading ${what} ${version}`;
  return maker.make(title, archiveKey(name, archive), async (folder, step) => {
    await downloadArchive(archive, folder, maker.context.signal, (detail) => step.note(detail));
    await maker.checkVersions(
      Object.entries(programs).map(([tool, inside]) => ({
        tool,
        file: path.join(folder, inside),
        version,
      })),
    );
  });
}
