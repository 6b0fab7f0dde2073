/** What a volume leaves on a node once it is detached or deleted, asked of the node's kernel. */
import { createHash } from 'node:crypto';
import { diskPath, type DatabaseLab } from './database-lab.ts';

/** Everything that may bear a volume's name: folders, mounts, loop devices, processes. */
const look = `
find /run/larder/volumes /var/lib/kubelet/plugins/kubernetes.io/csi /var/lib/kubelet/pods -maxdepth 4 2>/dev/null
findmnt --raw --noheadings --output TARGET
losetup --list --noheadings --output NAME,BACK-FILE
ps -eo args`;

/** Lines that name the volume: how it is attached or mounted on this node. */
export async function attachmentsOn(
  started: DatabaseLab,
  node: string,
  volume: string,
): Promise<readonly string[]> {
  const lines = await started.must(node, ['sh', '-c', look]);
  // The kubelet's folder for a volume of a CSI driver.
  const folder = createHash('sha256').update(volume).digest('hex');
  return lines.split('\n').filter((line) => line.includes(volume) || line.includes(folder));
}

/** Files of the volume's copies on this node. */
export async function copiesOn(
  started: DatabaseLab,
  node: string,
  volume: string,
): Promise<readonly string[]> {
  // The folder is made with the first copy.
  const all = `find ${diskPath}/larder/replicas 2>/dev/null || true`;
  const lines = await started.must(node, ['sh', '-c', all]);
  return lines.split('\n').filter((line) => line.includes(volume));
}
