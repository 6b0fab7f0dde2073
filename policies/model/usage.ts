/** Database servers of a program, each with the storage under its data. */
import { claimsOf, type Claim, nameOfClaim } from './claim.ts';
import { type DatabaseEngine, databaseEngineOf } from './database-engine.ts';
import type { DeclaredObject } from './declared.ts';
import { type Placement, placementOfClaim, placementOfVolume } from './placement.ts';
import { type Container, type Mount, mountOver, type Workload } from './workload.ts';
import type { World } from './world.ts';

/** A database that the program runs, by image or by an operator's object. */
export interface Database {
  readonly engine: string;
  readonly object: DeclaredObject;
  /** Where the server is described, for messages. */
  readonly field: string;
  readonly workload?: Workload;
  readonly container?: Container;
  /** Undefined when no volume lies under its data. */
  readonly placement: Placement | undefined;
}

/** Database servers whose data is meant to stay; caches are left out. */
export function databasesOf(world: World): readonly Database[] {
  const served = world.workloads.flatMap((workload) =>
    workload.containers.flatMap((container) => {
      const engine = databaseEngineOf(container);
      if (engine === undefined || engine.duty !== 'data' || runsOnce(workload)) return [];
      const placement = placementOfData(world, workload, container, engine);
      const { object } = workload;
      const { field } = container;
      return [{ engine: engine.name, object, field, workload, container, placement }];
    }),
  );
  const operated = claimsOf(world)
    .filter((claim) => claim.object.group === 'postgresql.cnpg.io')
    .map((claim) => ({
      engine: 'PostgreSQL',
      object: claim.object,
      field: claim.field,
      placement: placementOfClaim(world, claim),
    }));
  return [...served, ...operated];
}

/** A Job of a database image is a client at work, not a server. */
function runsOnce(workload: Workload): boolean {
  return workload.object.kind === 'Job' || workload.object.kind === 'CronJob';
}

function placementOfData(
  world: World,
  workload: Workload,
  container: Container,
  engine: DatabaseEngine,
): Placement | undefined {
  const mount = engine.folders
    .map((folder) => mountOver(container, folder) ?? mountInside(container, folder))
    .find((found) => found !== undefined);
  return mount && placementOfVolume(world, workload, mount.volume);
}

function mountInside(container: Container, folder: string): Mount | undefined {
  return container.mounts.find((mount) => mount.path.startsWith(`${folder}/`));
}

/** The databases on each claim, by `nameOfClaim`. */
export function databasesByClaim(world: World): ReadonlyMap<string, Database> {
  return new Map(
    databasesOf(world).flatMap((database) => {
      const claim: Claim | undefined = database.placement?.claim;
      return claim === undefined ? [] : [[nameOfClaim(claim), database] as const];
    }),
  );
}
