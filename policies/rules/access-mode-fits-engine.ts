/** Access modes that the storage cannot give, or that a database must not have. */
import { type Claim, claimsOf, nameOfClaim } from '../model/claim.ts';
import { type Placement, placementOfClaim } from '../model/placement.ts';
import { textAt } from '../model/value.ts';
import { type Database, databasesByClaim } from '../model/usage.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const accessModeFitsEngine: StackRule = {
  id: 'access-mode-fits-engine',
  scope: 'stack',
  description: 'A claim asks for an access mode that its storage can give and its user can bear.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'A block device mounted by two nodes is destroyed within minutes; a claim for a mode that the ' +
    'driver does not know stays Pending for ever.',
  waysOut: [
    'Ask for ReadWriteOnce (databases: ReadWriteOncePod) on block and local storage',
    'Use the shared tier (NFS, CephFS) for ReadWriteMany',
    'Publish read-mostly data by a copy for each reader, mounted ReadOnlyMany',
  ],
  good: 'ReadWriteOnce on local-ssd, ReadWriteMany on shared',
  bad: 'ReadWriteMany on local-path; ReadWriteMany for a PostgreSQL claim',
  configSchema: { properties: { classes } },
  check(world) {
    const databases = databasesByClaim(world);
    return claimsOf(world).flatMap((claim) => {
      const database = databases.get(nameOfClaim(claim));
      return findingsOf(claim, placementOfClaim(world, claim), database);
    });
  },
};

function findingsOf(
  claim: Claim,
  placement: Placement,
  database: Database | undefined,
): readonly Finding[] {
  const { object } = claim;
  const field = `${claim.field}.accessModes`;
  const many = claim.accessModes.find((mode) => mode === 'ReadWriteMany');
  const isRawBlock = textAt(claim.spec, 'volumeMode') === 'Block';
  if (many !== undefined && database !== undefined) {
    const found = `${many} for ${database.engine}, which needs its files for itself`;
    const why = 'Two servers on one data directory destroy it; the mode is what would let them.';
    return [{ object, field, found, why, level: 'violation' }];
  }
  const isBlock = ['local', 'replicated', 'network-block'].includes(placement.home);
  if (many !== undefined && isBlock && !isRawBlock) {
    const found = `${many} on ${placement.what}, which only one node can mount`;
    return [{ object, field, found, level: 'violation' }];
  }
  const takesOnePod =
    placement.provisioner === 'driver.longhorn.io' || placement.provisioner === 'csi.larder.dev';
  if (database !== undefined && takesOnePod && claim.accessModes.includes('ReadWriteOnce')) {
    const found = `ReadWriteOnce for ${database.engine}, where the driver knows ReadWriteOncePod`;
    const why = 'ReadWriteOnce lets two pods of one node open the same data directory.';
    return [{ object, field, found, why, level: 'advice' }];
  }
  return [];
}
