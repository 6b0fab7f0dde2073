/** Volumes for applications of one's own, as components. */
import { volumesOfApplications } from '../config/shelf/applications.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { directoryOf, remoteFolderOf } from '../config/shelf/volumes.ts';
import { AppVolume } from '../volumes/app-volume.ts';
import type { VolumePlace } from '../volumes/disk.ts';
import { type BackedGround, buildBackup, restoreOf } from './backups.ts';
import { diskPlace } from './ground.ts';

/** All volumes of the shelf but those that an application makes itself. */
export function buildVolumes(ground: BackedGround): ReadonlyMap<Volume, AppVolume> {
  const { shelf } = ground.args;
  const ofApplications = new Set(volumesOfApplications(shelf));
  const own = shelf.volumes.filter((volume) => !ofApplications.has(volume));
  return new Map(
    own.map((volume) => {
      const { name } = volume;
      const built = new AppVolume(name, { name, ...volumeArgs(volume, ground) }, ground.apps);
      const user = shelf.appPlans.find((plan) =>
        plan.volumes.some((mount) => mount.volume === volume),
      );
      buildBackup(
        volume,
        {
          claimName: built.claimName,
          ...(user === undefined ? {} : { application: user.name }),
        },
        ground,
      );
      return [volume, built];
    }),
  );
}

/** What the owner said about backups is what the policies want to hear. */
function exemption({ backup }: Volume) {
  if ('target' in backup || !backup.isMeant) return {};
  return { annotations: { 'larder.dev/exempt.volume-has-backup': backup.skip } };
}

/** The arguments that a volume and an application's volume have in common. */
export function volumeArgs(volume: Volume, ground: BackedGround) {
  const { disk, adopt } = volume;
  const { config } = volume.tier;
  const remote = remoteFolderOf(volume);
  const place: VolumePlace | undefined =
    disk === undefined
      ? undefined
      : {
          ...diskPlace(disk),
          directory: directoryOf(disk, volume),
          ...(config.engine === 'static' ? { source: config.source } : {}),
          ...(adopt === undefined ? {} : { adopt }),
          isPrepared: ground.args.knownVolumes.has(volume.name),
          systemNamespace: ground.system.namespaceName,
          toolsImage: ground.args.shelf.images.tools,
        };
  return {
    namespace: ground.namespaces.get(volume.namespace)?.namespaceName ?? volume.namespace,
    sizeBytes: volume.sizeBytes,
    accessMode: volume.accessMode,
    className: ground.classNames.get(volume.tier.name) ?? volume.tier.name,
    retire: volume.retire,
    labels: volume.labels,
    ...exemption(volume),
    dataProvider: ground.args.providers.data,
    ...(place === undefined ? {} : { place }),
    ...(remote === undefined ? {} : { remote }),
    ...restoreOf(volume, ground),
  };
}
