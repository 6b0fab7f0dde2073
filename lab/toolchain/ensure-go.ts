/** Makes sure of a Go command for the wanted version, whatever this machine has. */
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { obtainArchives } from './archives.ts';
import { Unavailable } from './download.ts';
import {
  chooseDownloader,
  chooseGo,
  downloadGoAsModule,
  downloadedGoKey,
  findGos,
  programIn,
} from './go-command.ts';
import type { GoCommand } from './go.ts';
import type { Maker } from './maker.ts';
import { isReachable } from './network.ts';
import { installPackages, packages } from './packages.ts';
import { platform } from './tool.ts';

/** In this order: one kept from before, one that is here, the official archive, a package. */
export async function ensureGo(maker: Maker): Promise<GoCommand> {
  const { catalogue, cache } = maker.places;
  const kept = await cache.find(downloadedGoKey(catalogue.goVersion));
  if (kept !== undefined) return { path: programIn(kept), toolchain: 'local' };
  const go = (await installedGo(maker)) ?? (await archivedGo(maker));
  if (go !== undefined) return go;
  const wanted = packages.filter((candidate) => candidate.group === 'go');
  await installPackages(wanted, maker.context);
  const packaged = await installedGo(maker);
  if (packaged !== undefined) return packaged;
  throw new LabFault(
    "The distribution's Go is too old to fetch the wanted one.",
    'install Go 1.21 or newer from go.dev/dl and run it again',
  );
}

/** One on this machine, if need be by having it download the wanted one. */
async function installedGo(maker: Maker): Promise<GoCommand | undefined> {
  const { catalogue, cache, env } = maker.places;
  const gos = await findGos(catalogue, env);
  const go = chooseGo(gos, catalogue.goVersion);
  const older = chooseDownloader(gos);
  if (go !== undefined || older === undefined) return go;
  return downloadGoAsModule(older, catalogue.goVersion, cache, maker.context);
}

async function archivedGo(maker: Maker): Promise<GoCommand | undefined> {
  const { catalogue, env } = maker.places;
  const archive = catalogue.archives['go'];
  const url = archive?.urls[platform];
  if (archive === undefined || url === undefined || !(await isReachable(url, env))) {
    return undefined;
  }
  try {
    const folder = (await obtainArchives(['go'], maker.context, catalogue)).get('go') ?? '';
    const file = path.join(folder, archive.programs['go'] ?? '');
    return chooseGo([{ path: file, version: archive.version }], catalogue.goVersion);
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}
