/** What a claim may ask of a volume: the access modes and contents that Larder can keep. */
import type { VolumeSpec } from '../control/objects.ts';
import type { VolumeCapability } from './messages.ts';

type Content = VolumeSpec['content'];

/** What is wrong with the capability, or undefined. */
export function problemOf(capability: VolumeCapability): string | undefined {
  const mode = capability.accessMode?.mode ?? 'UNKNOWN';
  if (mode === 'UNKNOWN') return 'The capability names no access mode.';
  if (mode.startsWith('MULTI_NODE')) {
    return `${mode} is not offered: a replicated volume is used on one node at a time. Files that several nodes write belong on the shared tier.`;
  }
  return contentProblem(capability);
}

function contentProblem({ block, mount }: VolumeCapability): string | undefined {
  if (block) return undefined;
  if (!mount) return 'The capability says neither block nor mount.';
  if (!['', 'ext4', 'xfs'].includes(mount.fsType)) {
    return `The file system ${mount.fsType} is not offered; choose ext4 or xfs.`;
  }
  return undefined;
}

/** The content that was asked for. */
export function contentOf({ block, mount }: VolumeCapability): Content {
  if (block) return 'block';
  return mount?.fsType === 'xfs' ? 'xfs' : 'ext4';
}

/** Whether a volume that holds `content` can be used so. */
export function serves(content: Content, capability: VolumeCapability): boolean {
  if (capability.block) return content === 'block';
  const wanted = capability.mount?.fsType ?? '';
  return content !== 'block' && (wanted === '' || wanted === content);
}
