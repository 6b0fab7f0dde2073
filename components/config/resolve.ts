/**
 * From the parsed configuration to the shelf: fills in what can be derived and finds every name
 * that leads nowhere. Derives only what cannot silently move data later: with two possible nodes it
 * asks.
 *
 * Pure. Promises all problems at once. One file a section in resolve/, in the order in which they
 * build on each other. Tested: test/unit/components/config/resolve.spec.ts.
 */
import { backupProblems } from '../rules/backups.ts';
import type { Problem } from '../rules/problem.ts';
import { volumeProblems } from '../rules/volumes.ts';
import { resolveApplications } from './resolve/applications.ts';
import { resolveBackups } from './resolve/backups.ts';
import { resolveInventory } from './resolve/inventory.ts';
import { resolveMonitoring } from './resolve/monitoring.ts';
import { resolveTiers } from './resolve/tiers.ts';
import { resolveTuning } from './resolve/tuning.ts';
import { resolveVolumes } from './resolve/volumes.ts';
import type { StackConfig } from './schema.ts';
import type { Shelf } from './shelf.ts';

export type ResolvedShelf =
  | { readonly ok: true; readonly shelf: Shelf }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function resolveShelf(config: StackConfig): ResolvedShelf {
  const problems: Problem[] = [];
  const inventory = resolveInventory(config, problems);
  const tuning = resolveTuning(config, inventory, problems);
  const tiers = resolveTiers(config, inventory, problems);
  const backups = resolveBackups(config, inventory, problems);
  const ground = { config, ...inventory, ...tiers, ...backups };
  const own = resolveVolumes(ground, problems);
  const applications = resolveApplications(ground, own, problems);
  // Claims share one set of names and disks, whoever made them.
  const volumes = [...own, ...applications.volumes];
  problems.push(...volumeProblems(volumes), ...backupProblems(volumes, applications));
  if (problems.length > 0) return { ok: false, problems };
  const { cluster, images } = config;
  const sections = { ...inventory, ...tuning, ...tiers, ...backups, ...applications, volumes };
  const monitored = resolveMonitoring(config, sections);
  return { ok: true, shelf: { cluster, images, ...sections, ...monitored } };
}
