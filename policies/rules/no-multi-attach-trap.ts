/** Workloads whose pods will wait for each other's volume, or open one database twice. */
import { nameOfClaim } from '../model/claim.ts';
import { databaseEngineOf } from '../model/database-engine.ts';
import { isKind } from '../model/declared.ts';
import { type Placement, placementOfVolume } from '../model/placement.ts';
import type { Workload } from '../model/workload.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const noMultiAttachTrap: StackRule = {
  id: 'no-multi-attach-trap',
  scope: 'stack',
  description: 'No two pods of a workload need a volume that only one node can have.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'A ReadWriteOnce volume is attached to one node. The second pod hangs in "Multi-Attach error" ' +
    'until somebody deletes the first by hand; where it does start, two pods write one file system.',
  waysOut: [
    'Set spec.strategy.type to Recreate (and spec.replicas to 1)',
    'Use a StatefulSet with volumeClaimTemplates: a volume for each replica',
    'Use the shared tier with ReadWriteMany, if the application can share files',
  ],
  good: 'Deployment with strategy Recreate, one replica and one ReadWriteOnce claim',
  bad: 'Deployment without strategy and with a ReadWriteOnce claim',
  configSchema: { properties: { classes } },
  check(world) {
    return world.workloads.flatMap((workload) => findingsOf(world, workload));
  },
};

function findingsOf(world: World, workload: Workload): readonly Finding[] {
  const { object } = workload;
  if (object.kind === 'DaemonSet' || object.kind === 'Pod') return [];
  const single = singleVolumes(world, workload);
  const [first] = single;
  if (first?.claim === undefined) return [];
  const also = single.flatMap(({ claim }) => (claim === undefined ? [] : [claim.object]));
  const name = nameOfClaim(first.claim);
  const many = (workload.replicas ?? 1) > 1;
  if (many || workload.surges) {
    const found = many
      ? `${workload.replicas} replicas share ${name}, which one node can have`
      : `its RollingUpdate starts a second pod that needs ${name} while the first still has it`;
    const isPinned =
      first.home === 'local' && !first.claim.accessModes.includes('ReadWriteOncePod');
    const finding: Finding = {
      object,
      also,
      field: many ? 'spec.replicas' : 'spec.strategy',
      found,
      level: isPinned ? 'advice' : 'violation',
      // A local volume keeps its pods on one node, so nothing hangs; two writers remain.
      ...(isPinned ? { why: pinnedWhy } : {}),
    };
    return [finding];
  }
  return databaseInDeployment(workload, also);
}

const pinnedWhy =
  'A local volume keeps all its pods on one node, so nothing hangs; but for a while two pods ' +
  'write one file system, which few applications can bear.';

/** Volumes that the workload shares among its pods and that one node can have. */
function singleVolumes(world: World, workload: Workload): readonly Placement[] {
  const names = new Set(workload.containers.flatMap((item) => item.mounts.map((m) => m.volume)));
  return [...names].flatMap((name) => {
    const placement = placementOfVolume(world, workload, name);
    const claim = placement?.claim;
    if (placement === undefined || claim === undefined || claim.field !== 'spec') return [];
    const modes = claim.accessModes;
    const isSingle =
      modes.length > 0 &&
      modes.every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');
    return isSingle && placement.home !== 'network-file' ? [placement] : [];
  });
}

function databaseInDeployment(
  workload: Workload,
  also: readonly Finding['object'][],
): readonly Finding[] {
  const { object } = workload;
  if (!isKind(object, 'apps', 'Deployment')) return [];
  const engine = workload.containers.map(databaseEngineOf).find((found) => found?.duty === 'data');
  if (engine === undefined) return [];
  const finding: Finding = {
    object,
    also,
    field: 'kind',
    found: `${engine.name} runs in a Deployment`,
    why:
      'When its node is cut off, a Deployment makes a new pod at once; a StatefulSet waits until ' +
      'the old one is known to be gone, which is what keeps two servers off one data directory.',
    waysOut: [
      'Use a StatefulSet with one replica',
      'Use an operator such as CloudNativePG',
      'Use access mode ReadWriteOncePod, where the driver has it',
    ],
    level: 'advice',
  };
  return [finding];
}
