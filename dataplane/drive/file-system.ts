/**
 * The file system of a volume that is attached here: made once, before the first mount, and never
 * again. What was begun and done stands in the volume's status, not here.
 */
import type { VolumeObject } from '../control/objects.ts';
import { Refusal } from '../csi/refusal.ts';
import type { Log } from '../ports/log.ts';
import type { Mounts } from '../ports/mounts.ts';
import type { Objects } from '../ports/objects.ts';

interface FileSystemPorts {
  readonly objects: Objects;
  readonly mounts: Mounts;
  readonly log: Log;
}

/** Attempts at a change that others keep coming before. */
const attemptsMax = 8;

/** One that may be mounted and is as large as its device, made if the volume never had one. */
export async function prepareFileSystem(
  ports: FileSystemPorts,
  node: string,
  {
    volume,
    device,
    type,
  }: {
    readonly volume: VolumeObject;
    readonly device: string;
    readonly type: 'ext4' | 'xfs';
  },
): Promise<void> {
  const { mounts, log, objects } = ports;
  const { name } = volume.metadata;
  if (volume.status.formatted === 'yes') {
    const found = await mounts.look(device);
    if (found.kind !== 'file-system' || found.type !== type) {
      throw new Refusal(
        'INTERNAL',
        `The volume ${name} should hold ${type}, but ${shown(found)} was found. Nothing was changed: restore it from a backup, or look at it with larder-nbd.`,
      );
    }
    await mounts.check(device, type);
    await mounts.grow(device, type);
    return;
  }
  if (volume.status.formatted === 'no') {
    const found = await mounts.look(device);
    if (found.kind !== 'zero') {
      throw new Refusal(
        'INTERNAL',
        `The volume ${name} was never formatted, but ${shown(found)} was found on it. Nothing was changed.`,
      );
    }
  }
  await remember(objects, { name, node }, 'begun');
  log.info('makes a file system', { volume: name, type });
  await mounts.format(device, type);
  await remember(objects, { name, node }, 'yes');
}

async function remember(
  { volumes }: Objects,
  { name, node }: { readonly name: string; readonly node: string },
  formatted: 'begun' | 'yes',
): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const volume = await volumes.get(name);
    if (volume?.status.attachedTo !== node) break;
    if (volume.status.formatted === formatted) return;
    if (volume.status.formatted === 'yes') break;
    const status = { ...volume.status, formatted };
    if ((await volumes.putStatus({ ...volume, status })).kind === 'written') return;
  }
  throw new Refusal('ABORTED', `The record of ${name} is being changed by others; ask again.`);
}

function shown(found: { readonly kind: string; readonly type?: string }): string {
  if (found.kind === 'file-system') return `a file system of type ${found.type}`;
  return found.kind === 'zero' ? 'nothing but zeroes' : 'something unknown';
}
