/**
 * What must hold for volumes: a size, a place of their own, room on the disk, a mode that is true.
 */
import { formatSize } from '../config/quantity.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { oneOf, type Problem } from './problem.ts';

/** Namespaces that belong to the cluster or to nobody: a volume's must be its own. */
const foreignNamespace = /^(?:default|kube-.*|larder-system)$/;

export function volumeProblems(volumes: readonly Volume[]): Problem[] {
  return [...volumes.flatMap(ownProblems), ...claimTwins(volumes), ...overCommitment(volumes)];
}

function ownProblems(volume: Volume): Problem[] {
  const problems: Problem[] = [];
  if (volume.sizeBytes === 0)
    problems.push({
      path: `${volume.path}.size`,
      found: '0',
      allowed: 'more than nothing',
      todo: 'write the size that the data will need, 10Gi for example; it can grow later',
    });
  if (foreignNamespace.test(volume.namespace))
    problems.push({
      path: `${volume.path}.namespace`,
      found: `${volume.namespace}, which others delete and fill`,
      allowed: 'a namespace of its own: deleting a namespace deletes the claims in it',
      todo: 'name another one, for example apps; it is created, protected and kept',
    });
  if (!volume.tier.accessModes.includes(volume.accessMode))
    problems.push({
      path: `${volume.path}.accessMode`,
      found: volume.accessMode,
      allowed: oneOf(volume.tier.accessModes),
      todo: `${volume.tier.accessModes.includes('ReadWriteMany') ? 'choose one of them' : `the tier ${volume.tier.name} keeps the data for one node at a time; many nodes need a shared tier`}`,
    });
  return problems;
}

/** Volumes and databases share one set of claim names; the message names both places. */
function claimTwins(volumes: readonly Volume[]): Problem[] {
  return volumes.flatMap((volume, index) => {
    const first = volumes.findIndex((other) => other.name === volume.name);
    const twin = volumes[first];
    if (first === index || twin === undefined) return [];
    return [
      {
        path: `${volume.path}.name`,
        found: `the claim ${volume.name}, which ${twin.path} has already`,
        allowed: 'one claim, and one directory, for each volume of the stack',
        todo: 'give one of the two another name',
      },
    ];
  });
}

/** A directory has no quota: the sum of what was promised must fit the disk. */
function overCommitment(volumes: readonly Volume[]): Problem[] {
  const placed = volumes.flatMap((volume) =>
    volume.disk === undefined ? [] : [{ volume, disk: volume.disk }],
  );
  const disks = [...new Set(placed.map(({ disk }) => disk))];
  return disks.flatMap((disk) => {
    const there = placed.filter((entry) => entry.disk === disk).map(({ volume }) => volume);
    const sumBytes = there.reduce((sum, volume) => sum + volume.sizeBytes, 0);
    if (disk.capacityBytes === undefined || sumBytes <= disk.capacityBytes) return [];
    return [
      {
        path: 'larder:volumes, larder:postgres',
        found: `${formatSize(sumBytes)} promised on ${disk.node}/${disk.name}: ${there.map((volume) => `${volume.name} ${formatSize(volume.sizeBytes)}`).join(', ')}`,
        allowed: `at most its capacity, ${formatSize(disk.capacityBytes)}`,
        todo: 'make a volume smaller before it exists, place it on another disk, or correct the capacity',
      },
    ];
  });
}
