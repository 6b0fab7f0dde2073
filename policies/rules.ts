/** Every rule of the pack, in the order of `docs/policies.md`. */
import type { Rule } from './rule.ts';
import { accessModeFitsEngine } from './rules/access-mode-fits-engine.ts';
import { backupEncrypted } from './rules/backup-encrypted.ts';
import { backupRetention } from './rules/backup-retention.ts';
import { backupTargetElsewhere } from './rules/backup-target-elsewhere.ts';
import { databaseNotOnNetworkFileSystem } from './rules/database-not-on-network-file-system.ts';
import { databaseNotOnSdCard } from './rules/database-not-on-sd-card.ts';
import { gracefulShutdown } from './rules/graceful-shutdown.ts';
import { imagesPinned } from './rules/images-pinned.ts';
import { noArchivedProjects } from './rules/no-archived-projects.ts';
import { noHostpathOutsideInventory } from './rules/no-hostpath-outside-inventory.ts';
import { noMultiAttachTrap } from './rules/no-multi-attach-trap.ts';
import { oneDefaultClass } from './rules/one-default-class.ts';
import { postgresContract } from './rules/postgres-contract.ts';
import { postgresMatchesItsVolume } from './rules/postgres-matches-its-volume.ts';
import { postgresOverSqlite } from './rules/postgres-over-sqlite.ts';
import { reclaimRecycleForbidden } from './rules/reclaim-recycle-forbidden.ts';
import { replicaAntiAffinity } from './rules/replica-anti-affinity.ts';
import { secretsNotInConfig } from './rules/secrets-not-in-config.ts';
import { sizeFitsDisk } from './rules/size-fits-disk.ts';
import { storageDaemonsHaveResources } from './rules/storage-daemons-have-resources.ts';
import { storagePodSecurity } from './rules/storage-pod-security.ts';
import { volumeHasBackup } from './rules/volume-has-backup.ts';
import { volumeNamesAClass } from './rules/volume-names-a-class.ts';
import { volumesProtected } from './rules/volumes-protected.ts';
import { workloadSpread } from './rules/workload-spread.ts';

export const rules: readonly Rule[] = [
  postgresOverSqlite,
  postgresContract,
  postgresMatchesItsVolume,
  databaseNotOnNetworkFileSystem,
  databaseNotOnSdCard,
  volumesProtected,
  volumeHasBackup,
  backupTargetElsewhere,
  backupRetention,
  backupEncrypted,
  replicaAntiAffinity,
  workloadSpread,
  noMultiAttachTrap,
  accessModeFitsEngine,
  volumeNamesAClass,
  oneDefaultClass,
  reclaimRecycleForbidden,
  sizeFitsDisk,
  noHostpathOutsideInventory,
  imagesPinned,
  noArchivedProjects,
  storagePodSecurity,
  secretsNotInConfig,
  storageDaemonsHaveResources,
  gracefulShutdown,
];
