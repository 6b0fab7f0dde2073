/**
 * Names that the program gives in the cluster. They are part of what it promises: changing one
 * renames objects, and a renamed volume is an empty volume.
 */

/**
 * Holds the program's own objects: jobs that prepare and dump, records of volumes, the provisioner.
 */
export const systemNamespace = 'larder-system';

export const label = {
  /** On a claim and everything around it: the volume's name. */
  volume: 'larder.dev/volume',
  /** On everything around a database: its name. */
  database: 'larder.dev/database',
  /** On an application and its pods: the name of its objects. */
  application: 'larder.dev/application',
  /** On everything around a dataset: its name. */
  dataset: 'larder.dev/dataset',
  /** On everything that backs something up: what it backs up. */
  backup: 'larder.dev/backup',
  tier: 'larder.dev/tier',
  /** On a node, `larder.dev/disk.<name>`: the kind of its disk. */
  disk: 'larder.dev/disk',
  /** On a node, `larder.dev/role.<role>`: `true` for each of its roles. */
  role: 'larder.dev/role',
  /** On a node, `larder.dev/domain.<kind>`: what it shares with others and loses with them. */
  domain: 'larder.dev/domain',
  /** `data` on a Namespace that was made for volumes. */
  holds: 'larder.dev/holds',
} as const;

export const annotation = {
  /** On the system Namespace: UID of kube-system, by which a cluster is known. */
  cluster: 'larder.dev/cluster',
  /** On the system Namespace: the stack that declared it. */
  stack: 'larder.dev/stack',
  /** On a claim: `node:directory` of a static volume. */
  place: 'larder.dev/place',
  /** On a claim: `true` once its owner has let go of it. */
  retired: 'larder.dev/retired',
  /** On a database's claim: major version and base of the image that wrote it. */
  postgres: 'larder.dev/postgres',
  /** On a Gitea's claim: the database that holds its records. */
  records: 'larder.dev/records',
  /** What an object promises or holds, in words, for people who look with kubectl. */
  about: 'larder.dev/about',
} as const;

/** Labels of everything that the program makes. */
export const managed = { 'app.kubernetes.io/managed-by': 'larder' } as const;

/**
 * The label every kubelet sets; a static volume and the jobs that belong to it are pinned by it.
 */
export const hostnameLabel = 'kubernetes.io/hostname';

/** Description of an engine's release once its owner has let go of it. */
export const retiredRelease = 'let go of by its owner: it may leave the stack';

/** The DaemonSet of the data plane. */
export const dataplaneName = 'larder-node';

/** The DaemonSet that looks whether disks are mounted. */
export const diskWatchName = 'larder-disk-watch';

/** The job that takes snapshots, in every Namespace that has volumes for it. */
export const snapshotsName = 'larder-snapshots';

/** The backup of the cluster's own datastore on a node; a node's name may hold dots. */
export const clusterBackup = (node: string): string => `k3s-${node.replaceAll('.', '-')}`;
