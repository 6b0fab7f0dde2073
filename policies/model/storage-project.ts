/** Images of storage systems, and which of the projects behind them have ended. */
import { type Image, matchesImage } from './image.ts';

interface StorageProject {
  readonly name: string;
  readonly images: readonly string[];
  /** Set when the project has ended: since when, and what replaced it. */
  readonly ended?: string;
}

const projects: readonly StorageProject[] = [
  { name: 'Larder', images: ['larder/*', '*/larder-dataplane'] },
  { name: 'Longhorn', images: ['longhornio/*', '*/longhorn-manager', '*/longhorn-engine'] },
  { name: 'Ceph', images: ['ceph/ceph', 'rook/ceph', 'ceph/daemon'] },
  { name: 'LINSTOR', images: ['piraeusdatastore/*'] },
  {
    name: 'OpenEBS cStor',
    images: [
      'openebs/cstor-*',
      '*/cstor-pool',
      '*/cstor-istgt',
      '*/cspc-operator',
      '*/cvc-operator',
    ],
    ended:
      'OpenEBS archived cStor; its successors are OpenEBS Mayastor and LocalPV-ZFS, or Longhorn',
  },
  {
    name: 'OpenEBS Jiva',
    images: ['*/jiva', '*/jiva-operator', '*/jiva-csi'],
    ended: 'OpenEBS archived Jiva; its author recommends Mayastor, and Longhorn grew from it',
  },
  { name: 'OpenEBS', images: ['openebs/*'] },
  {
    name: 'MinIO',
    images: ['minio/minio', '*/minio', 'minio/operator'],
    ended:
      'MinIO was archived on 2026-04-25 and its images left Docker Hub; for S3 at home use ' +
      'Garage, SeaweedFS or versitygw, off site any hosted S3 with Object Lock',
  },
  { name: 'local-path-provisioner', images: ['*/local-path-provisioner'] },
];

/** The storage project that an image belongs to. */
export function storageProjectOf(image: Image): StorageProject | undefined {
  return projects.find((project) =>
    project.images.some((pattern) => matchesStorageImage(image, pattern)),
  );
}

export function isStorageImage(image: Image): boolean {
  return storageProjectOf(image) !== undefined;
}

function matchesStorageImage(image: Image, pattern: string): boolean {
  if (!pattern.endsWith('-*')) return matchesImage(image, pattern);
  // `openebs/cstor-*`: everything of that publisher whose name starts so.
  return image.repository.includes(pattern.slice(0, -1));
}
