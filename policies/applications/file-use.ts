/**
 * A container that keeps its data in a file with one writer: which file, on which volume, and where
 * that volume lives.
 */
import { settingOf } from '../model/environment.ts';
import { type Placement, placementOfVolume } from '../model/placement.ts';
import { mountOver } from '../model/workload.ts';
import type { World } from '../model/world.ts';
import type { Application } from './application.ts';
import { applicationOf, type Choice, databaseChoiceOf, type Place } from './database-choice.ts';
import { applications } from './table.ts';

export interface FileUse {
  readonly place: Place;
  readonly application: Application;
  readonly choice: Exclude<Choice, { kind: 'unknown' }>;
  readonly file: string;
  /** Undefined when no volume covers the file: it lies in the container itself. */
  readonly placement: Placement | undefined;
  /** Part of the volume that is mounted, which keeps the files of two applications apart. */
  readonly subPath: string | undefined;
}

/** Every container of the program that keeps its data in such a file, as far as the table knows. */
export function fileUsesOf(
  world: World,
  table: readonly Application[] = applications,
): readonly FileUse[] {
  return world.workloads.flatMap((workload) =>
    workload.containers.flatMap((container) => {
      const application = container.isInit ? undefined : applicationOf(container, table);
      if (application === undefined) return [];
      const place = { world, workload, container };
      const choice = databaseChoiceOf(place, application);
      if (choice.kind !== 'sqlite' && choice.kind !== 'file') return [];
      return [fileUse(place, application, choice)];
    }),
  );
}

function fileUse(place: Place, application: Application, choice: FileUse['choice']): FileUse {
  const { world, workload, container } = place;
  const candidates = [choice.file ?? movedFile(place, application) ?? application.files].flat();
  const mounted = candidates.find((file) => mountOver(container, file) !== undefined);
  const file = mounted ?? candidates[0] ?? '/';
  const mount = mountOver(container, file) ?? onlyClaim(place);
  if (!container.mountsKnown) {
    const wanted = `${container.field}.volumeMounts`;
    const what = 'a volume known only after the update';
    const unknown = { home: 'unknown', what, wanted } as const;
    return { place, application, choice, file, placement: unknown, subPath: undefined };
  }
  const placement =
    mount === undefined ? undefined : placementOfVolume(world, workload, mount.volume);
  return { place, application, choice, file, placement, subPath: mount?.subPath };
}

/** Another workload that opens the same file: same claim, same part of it, same path. */
export function rivalOf(use: FileUse, all: readonly FileUse[]): FileUse | undefined {
  const claim = use.placement?.claim;
  if (claim === undefined || claim.field !== 'spec') return undefined;
  return all.find(
    (other) =>
      other.place.workload !== use.place.workload &&
      other.placement?.claim?.object === claim.object &&
      other.subPath === use.subPath &&
      other.file === use.file,
  );
}

function movedFile(place: Place, application: Application): string | undefined {
  const names = application.fileVariables ?? [];
  const setting = settingOf(place.world, place.workload, place.container, { names });
  return setting?.kind === 'known' && setting.value.startsWith('/') ? setting.value : undefined;
}

/**
 * Default paths move between versions and packagers. When no mount covers the one we know, but one
 * claim is mounted, the data lies there rather than in the container.
 */
function onlyClaim({ world, workload, container }: Place) {
  const claimed = container.mounts.filter((mount) => {
    const placement = placementOfVolume(world, workload, mount.volume);
    return placement !== undefined && placement.home !== 'ephemeral';
  });
  return claimed.length === 1 ? claimed[0] : undefined;
}
