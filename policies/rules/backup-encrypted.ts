/** Backups in clear, and keys that only the cluster holds. */
import { type Claim, claimsOf } from '../model/claim.ts';
import { type DeclaredObject, isKind, nameOf } from '../model/declared.ts';
import { passwordsOfData } from '../model/passwords.ts';
import { isBackupJob } from '../model/backups.ts';
import { placementOfClaim } from '../model/placement.ts';
import { at, isTrueAt, textAt } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';

export const backupEncrypted: StackRule = {
  id: 'backup-encrypted',
  scope: 'stack',
  description: 'Backups are encrypted, and their key lives outside of the cluster too.',
  severity: 'medium',
  level: 'mandatory',
  advises: true,
  why:
    "A backup holds every password and document of the house on somebody else's disk; and an " +
    'encrypted one whose key died with the cluster is noise.',
  waysOut: [
    'Use a tool that encrypts by itself (restic, kopia, k8up, VolSync with restic)',
    'Encrypt the volume: Longhorn then backs up ciphertext',
    'Write the key on paper or into a password manager, and restore with it once a quarter',
  ],
  good: 'VolSync with restic; Longhorn class with encrypted: "true"',
  bad: 'Longhorn backups of a class without encryption',
  check(world) {
    return [
      ...longhornFindings(world),
      ...rcloneFindings(world),
      ...barmanFindings(world),
      ...keyFindings(world),
    ];
  },
};

function longhornFindings(world: World): readonly Finding[] {
  const [job] = world.objects.filter(isBackupJob);
  if (job === undefined) return [];
  const classes = world.all('storage.k8s.io', 'StorageClass').filter((object) => {
    const isLonghorn = textAt(object.fields, 'provisioner') === 'driver.longhorn.io';
    return isLonghorn && !isTrueAt(object.fields, 'parameters', 'encrypted');
  });
  const used = (object: DeclaredObject) =>
    claimsOf(world).some((claim) => isOf(world, claim, object));
  return classes.filter(used).map((object) => ({
    object,
    also: [job],
    field: 'parameters.encrypted',
    found: `its volumes are backed up by ${nameOf(job)} in clear`,
    level: 'advice',
  }));
}

function isOf(world: World, claim: Claim, object: DeclaredObject): boolean {
  return placementOfClaim(world, claim).className === object.name;
}

/** VolSync's rclone and rsync movers copy files as they are. */
function rcloneFindings(world: World): readonly Finding[] {
  return world
    .all('volsync.backube', 'ReplicationSource')
    .filter((object) => at(object.fields, 'spec', 'rclone') !== undefined)
    .map((object) => ({
      object,
      field: 'spec.rclone',
      found: 'rclone copies the files as they are, unless its own configuration has a crypt remote',
      level: 'advice',
    }));
}

function barmanFindings(world: World): readonly Finding[] {
  return world.all('postgresql.cnpg.io', 'Cluster').flatMap((object) => {
    const path = ['spec', 'backup', 'barmanObjectStore'] as const;
    const store = at(object.fields, ...path);
    const isEncrypted =
      textAt(store, 'data', 'encryption') !== undefined &&
      textAt(store, 'wal', 'encryption') !== undefined;
    if (store === undefined || isEncrypted) return [];
    const finding: Finding = {
      object,
      field: `${path.join('.')}.data.encryption`,
      found: 'base backups and WAL are stored as the bucket stores them by default',
      waysOut: [
        'Set data.encryption and wal.encryption to AES256 or aws:kms',
        'Turn on default encryption of the bucket, and exempt this with that reason',
        'Add an encrypted dump beside it',
      ],
      level: 'advice',
    };
    return [finding];
  });
}

/** A key that the program draws exists in the state and the cluster, and nowhere else. */
function keyFindings(world: World): readonly Finding[] {
  return passwordsOfData(world)
    .filter(
      ({ user }) =>
        isKind(user, 'volsync.backube', 'ReplicationSource') || user.kind === 'Schedule',
    )
    .map(({ password, user }) => ({
      object: password,
      also: [user],
      field: 'result',
      found: `the key of ${nameOf(user)} is drawn by the program`,
      why: 'It exists in the state and in the cluster. If both are lost, so is every backup.',
      waysOut: [
        'Print it once (pulumi stack output --show-secrets) and keep it on paper or elsewhere',
        'Bring it in as secret configuration from a password manager',
        'Keep the state backend and its passphrase outside, and back them up',
      ],
      level: 'advice',
    }));
}
