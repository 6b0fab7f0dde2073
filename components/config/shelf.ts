/**
 * The shelf: the configuration with every default filled in and every name resolved. Components are
 * built from it and edits are judged by it; nothing below this file asks "which node did they
 * mean". One file a section in shelf/.
 */
import type { StackConfig } from './schema.ts';
import type { Applications } from './shelf/applications.ts';
import type { Backups } from './shelf/backups.ts';
import type { Inventory } from './shelf/inventory.ts';
import type { Monitored } from './shelf/monitoring.ts';
import type { Tiers } from './shelf/tiers.ts';
import type { Tuning } from './shelf/tuning.ts';
import type { Volumes } from './shelf/volumes.ts';

export interface Shelf extends Inventory, Tuning, Tiers, Volumes, Applications, Backups, Monitored {
  readonly cluster: StackConfig['cluster'];
  readonly images: StackConfig['images'];
}
