/**
 * Where a volume's bytes live, by the driver that makes it. Data, one line a driver.
 * Sources: the CSI driver list of the Kubernetes project and each driver's own manual; rows for
 * drivers of home clusters were read in the notes this repository was built from.
 */

/**
 * - `local`: a disk of the node that mounts it; one kernel, no network in a flush.
 * - `replicated`: a block device with copies on several nodes; one node mounts it, a flush crosses
 *   the network to each copy.
 * - `network-block`: a block device served by one machine (iSCSI, NVMe-oF, a cloud disk).
 * - `network-file`: a file system shared over the network or through FUSE.
 * - `ephemeral`: gone with the pod.
 */
export type Home = 'local' | 'replicated' | 'network-block' | 'network-file' | 'ephemeral';

interface DriverRow {
  /** The provisioner's name; a star stands for any text. */
  readonly name: string;
  readonly home: Home;
  /** Class parameter that holds the number of copies, and what it is when absent. */
  readonly copies?: { readonly parameter: string; readonly default: number };
  /** Set when the project is archived: what replaced it. */
  readonly archived?: string;
}

const rows: readonly DriverRow[] = [
  { name: 'csi.larder.dev', home: 'replicated' },
  {
    name: 'driver.longhorn.io',
    home: 'replicated',
    copies: { parameter: 'numberOfReplicas', default: 3 },
  },
  {
    name: 'io.openebs.csi-mayastor',
    home: 'replicated',
    copies: { parameter: 'repl', default: 1 },
  },
  {
    name: 'linstor.csi.linbit.com',
    home: 'replicated',
    copies: { parameter: 'autoPlace', default: 1 },
  },
  { name: '*rbd.csi.ceph.com', home: 'replicated' },
  {
    name: 'cstor.csi.openebs.io',
    home: 'replicated',
    archived: 'OpenEBS archived cStor; use OpenEBS Mayastor, Longhorn or Larder volumes',
  },
  {
    name: 'openebs.io/provisioner-iscsi',
    home: 'replicated',
    archived: 'OpenEBS archived the first cStor; use OpenEBS Mayastor, Longhorn or Larder volumes',
  },
  {
    name: 'jiva.csi.openebs.io',
    home: 'replicated',
    archived: 'OpenEBS archived Jiva; use OpenEBS Mayastor, Longhorn or Larder volumes',
  },
  { name: 'rancher.io/local-path', home: 'local' },
  { name: '*local-path*', home: 'local' },
  { name: 'kubernetes.io/no-provisioner', home: 'local' },
  { name: 'openebs.io/local', home: 'local' },
  { name: 'local.csi.openebs.io', home: 'local' },
  { name: 'zfs.csi.openebs.io', home: 'local' },
  { name: 'topolvm.io', home: 'local' },
  { name: 'topolvm.cybozu.com', home: 'local' },
  { name: 'microk8s.io/hostpath', home: 'local' },
  { name: 'k8s.io/minikube-hostpath', home: 'local' },
  { name: 'hostpath.csi.k8s.io', home: 'local' },
  { name: 'nfs.csi.k8s.io', home: 'network-file' },
  { name: '*nfs*', home: 'network-file' },
  { name: 'smb.csi.k8s.io', home: 'network-file' },
  { name: '*smb*', home: 'network-file' },
  { name: '*cephfs.csi.ceph.com', home: 'network-file' },
  { name: 'efs.csi.aws.com', home: 'network-file' },
  { name: 'file.csi.azure.com', home: 'network-file' },
  { name: 'csi.juicefs.com', home: 'network-file' },
  { name: 'seaweedfs-csi-driver', home: 'network-file' },
  { name: 'kubernetes.io/glusterfs', home: 'network-file' },
  { name: '*iscsi*', home: 'network-block' },
  { name: '*nvmeof*', home: 'network-block' },
  { name: 'csi.san.synology.com', home: 'network-block' },
  { name: 'ebs.csi.aws.com', home: 'network-block' },
  { name: 'pd.csi.storage.gke.io', home: 'network-block' },
  { name: 'disk.csi.azure.com', home: 'network-block' },
  { name: 'csi.hetzner.cloud', home: 'network-block' },
  { name: 'csi.proxmox.sinextra.dev', home: 'network-block' },
];

/**
 * Class names that a distribution or chart brings along, so that a program which only names the
 * class is still understood. Longhorn's chart makes `longhorn`, k3s makes `local-path`.
 */
const wellKnownClasses: Readonly<Record<string, string>> = {
  'local-path': 'rancher.io/local-path',
  longhorn: 'driver.longhorn.io',
  'longhorn-static': 'driver.longhorn.io',
  'openebs-hostpath': 'openebs.io/local',
  'rook-ceph-block': 'rook-ceph.rbd.csi.ceph.com',
  'ceph-block': 'rook-ceph.rbd.csi.ceph.com',
  'rook-cephfs': 'rook-ceph.cephfs.csi.ceph.com',
  'ceph-filesystem': 'rook-ceph.cephfs.csi.ceph.com',
  'nfs-client': 'cluster.local/nfs-subdir-external-provisioner',
  'nfs-csi': 'nfs.csi.k8s.io',
  'microk8s-hostpath': 'microk8s.io/hostpath',
};

export function driverRow(provisioner: string): DriverRow | undefined {
  return (
    rows.find((row) => row.name === provisioner) ??
    rows.find((row) => row.name.includes('*') && globMatches(row.name, provisioner))
  );
}

export function provisionerOfWellKnownClass(className: string): string | undefined {
  return Object.hasOwn(wellKnownClasses, className) ? wellKnownClasses[className] : undefined;
}

function globMatches(glob: string, text: string): boolean {
  const literal = glob.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`).test(text);
}
