/** Images into a node's containerd, without a registry. */
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import type { LabImage } from '../images/images.ts';
import type { LabNode } from './node.ts';

/** A reference names its content, so one that is there needs no second look. */
export async function importImage(node: LabNode, image: LabImage): Promise<void> {
  const containerd = ['ctr', '--namespace', 'k8s.io', 'images'];
  const { stdout } = await node.exec([
    ...containerd,
    'list',
    '--quiet',
    `name==${image.reference}`,
  ]);
  if (stdout.trim() === image.reference) return;
  const { code, stderr } = await node.exec([...containerd, 'import', image.archive]);
  if (code !== 0)
    throw new LabFault(
      `Image ${image.reference} could not be brought to node ${node.name}: ${stderr}`,
      `read ${path.join(node.folder, 'log', 'containerd.log')}, and look whether the disk of the machine is full`,
    );
}
