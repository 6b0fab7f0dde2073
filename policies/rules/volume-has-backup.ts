/** Claims that nothing in the program backs up. */
import { fileUsesOf } from '../applications/file-use.ts';
import { backupOf } from '../model/backups.ts';
import { type Claim, claimsOf, nameOfClaim } from '../model/claim.ts';
import { isScratchClaim, scratchClassesSchema } from '../model/holding.ts';
import { placementOfClaim } from '../model/placement.ts';
import { databasesByClaim } from '../model/usage.ts';
import { textAt } from '../model/value.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const volumeHasBackup: StackRule = {
  id: 'volume-has-backup',
  scope: 'stack',
  description: 'Every volume is backed up; one with a database must be.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'Copies are no backup: a deleted row, a bad upgrade, a power cut on the one circuit they ' +
    'share reaches all of them within a second.',
  waysOut: [
    'Back it up: a dump by CronJob, VolSync, k8up, Velero, a Longhorn RecurringJob of task backup',
    'Use the Larder component DumpSchedule, which verifies each dump',
    'Give the claim a class listed in scratchClasses, when its data may be lost',
  ],
  good: 'PostgreSQL with a CronJob that runs pg_dump to another machine',
  bad: 'PostgreSQL on a claim that no schedule names',
  configSchema: { properties: { classes, scratchClasses: scratchClassesSchema } },
  check(world, config) {
    const databases = databasesByClaim(world);
    const files = new Map(fileUsesOf(world).map((use) => [claimKey(use.placement?.claim), use]));
    return claimsOf(world).flatMap((claim): readonly Finding[] => {
      if (isScratchClaim(claim, config)) return [];
      const database = databases.get(nameOfClaim(claim));
      if (placementOfClaim(world, claim).home === 'ephemeral') return [];
      if (backupOf(world, claim, database) !== undefined || hasOwnBackup(claim)) return [];
      const user = database?.engine ?? files.get(nameOfClaim(claim))?.application.name;
      const holds = user === undefined ? '' : `, and it holds the data of ${user}`;
      const found = `nothing in this program backs it up${holds}`;
      const users = database === undefined ? [] : [database.object];
      return [
        {
          object: claim.object,
          also: users,
          field: claim.field,
          found,
          level: user === undefined ? 'advice' : 'violation',
        },
      ];
    });
  },
};

function claimKey(claim: Claim | undefined): string {
  return claim === undefined ? '' : nameOfClaim(claim);
}

/** CloudNativePG may carry its backup in the Cluster itself; the WAL volume is part of it. */
function hasOwnBackup(claim: Claim): boolean {
  const { fields } = claim.object;
  const isArchived = textAt(fields, 'spec', 'backup', 'barmanObjectStore', 'destinationPath');
  return claim.object.group === 'postgresql.cnpg.io' && isArchived !== undefined;
}
