/** Volumes for applications of one's own, as components. */
import type { Volume } from '../config/shelf/volumes.ts';
import { directoryOf } from '../config/shelf/volumes.ts';
import { AppVolume, type VolumePlace } from '../volumes/app-volume.ts';
import { diskPlace, type TieredGround } from './ground.ts';

/** All volumes of the shelf but those that an application makes itself. */
export function buildVolumes(ground: TieredGround): void {
  const { volumes, databases } = ground.args.shelf;
  const ofApplications = new Set(databases.map((database) => database.volume));
  for (const volume of volumes.filter((each) => !ofApplications.has(each))) {
    const { name, accessMode } = volume;
    new AppVolume(name, { name, accessMode, ...volumeArgs(volume, ground) }, ground.apps);
  }
}

/** The arguments that a volume and an application's volume have in common. */
export function volumeArgs(volume: Volume, ground: TieredGround) {
  const { disk } = volume;
  const { config } = volume.tier;
  const place: VolumePlace | undefined =
    disk === undefined
      ? undefined
      : {
          ...diskPlace(disk),
          directory: directoryOf(disk, volume.name),
          ...(config.engine === 'static' ? { source: config.source } : {}),
          isPrepared: ground.args.knownVolumes.has(volume.name),
          systemNamespace: ground.system.namespaceName,
          toolsImage: ground.args.shelf.images.tools,
        };
  return {
    namespace: ground.namespaces.get(volume.namespace)?.namespaceName ?? volume.namespace,
    sizeBytes: volume.sizeBytes,
    className: ground.classNames.get(volume.tier.name) ?? volume.tier.name,
    retire: volume.retire,
    dataProvider: ground.args.providers.data,
    ...(place === undefined ? {} : { place }),
  };
}
