/** Where the dumps of a database go. */
import { oneOf } from '../../rules/problem.ts';
import type { PostgresConfig } from '../schema/applications.ts';
import type { DumpPlan } from '../shelf/backups.ts';
import type { Volume } from '../shelf/volumes.ts';
import type { Ground, Placed } from './ground.ts';

/**
 * Database first, then `larder:backup`, then the first other node with a disk that is no SD card.
 */
export function placeDumps(
  database: PostgresConfig,
  volume: Volume,
  { config, nodes }: Ground,
): Placed<DumpPlan | { readonly skip: string }> {
  const { dumps } = database;
  if (dumps.skip !== undefined) return { value: { skip: dumps.skip } };
  const timing = {
    schedule: dumps.schedule ?? config.backup.schedule,
    timeZone: dumps.timeZone ?? config.backup.timeZone,
    keep: dumps.keep ?? config.backup.keep,
  };
  const own = dumps.node !== undefined || dumps.disk !== undefined;
  const named = own ? dumps : config.backup;
  const home = volume.disk?.node;
  const isNamed = named.node !== undefined || named.disk !== undefined;
  const disk = nodes
    .flatMap((node) => node.disks)
    .find(
      (candidate) =>
        (named.node === undefined || candidate.node === named.node) &&
        (named.disk === undefined ? candidate.kind !== 'sd' : candidate.name === named.disk) &&
        (isNamed || candidate.node !== home),
    );
  if (disk !== undefined) return { value: { disk, ...timing } };
  const wanted = [named.node, named.disk].filter((part) => part !== undefined).join('/');
  return {
    problem: {
      path: isNamed && !own ? 'larder:backup' : `${volume.path}.dumps`,
      found: isNamed ? `${wanted}, which is no disk of the inventory` : 'no disk on another node',
      allowed: oneOf(
        nodes
          .flatMap((node) => node.disks)
          .filter((candidate) => candidate.node !== home)
          .map((candidate) => `${candidate.node}/${candidate.name}`),
      ),
      todo: 'name `node:` and `disk:` of another node or of an external drive, or `skip: <reason>` to go without',
    },
  };
}
