/**
 * A disk image that holds every container image, unpacked, in containerd's store. Each node mounts
 * it read-only and starts its own store as links into it: nothing is imported while everybody
 * waits, and three nodes share one copy on the disk and in memory (decision 17). Kept in the cache
 * under the hash of what is in it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import { run } from '../base/run.ts';
import { ensureDiskImage } from '../cluster/disk-image.ts';
import type { ImageContext, LabImages } from './images.ts';
import { fileText, filesFolder, recipeHash } from './recipes.ts';

/** More than the images will ever take; the file is sparse. */
const sizeMiB = 16 * 1024;
/** Where node-init.sh mounts it. */
export const storeMountPoint = '/var/lib/lab-store';

/** Path of the disk image, made when it is not there. Nothing writes to it afterwards. */
export async function ensureNodeStore(images: LabImages, context: ImageContext): Promise<string> {
  const containerd = toolPath(context, 'containerd');
  const ctr = toolPath(context, 'ctr');
  const archives = Object.values(images);
  const hash = recipeHash(
    fileText('fill-store.sh'),
    sizeMiB,
    storeMountPoint,
    context.tools.get('containerd')?.version,
    archives.map(({ archive }) => path.basename(archive)),
  );
  const folder = context.paths.images;
  const name = `node-store-${hash}.img`;
  const store = path.join(folder, name);
  if (existsSync(store)) return store;
  using _lock = await acquireLock(path.join(folder, 'store.lock'), {
    what: 'making the image store of the nodes',
    onWait: (holder) => context.progress.say(`Waiting for another command: ${holder}`),
    signal: context.signal,
  });
  if (existsSync(store)) return store;
  await context.progress.step('Store of all images for the nodes', async () => {
    const scratch = path.join(folder, 'store-scratch');
    rmSync(scratch, { recursive: true, force: true }); // of a command that was killed
    mkdirSync(scratch, { recursive: true });
    try {
      const unfinished = path.join(scratch, 'disk.img');
      await ensureDiskImage(unfinished, sizeMiB);
      const script = path.join(filesFolder, 'fill-store.sh');
      const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
      const args = [script, unfinished, scratch, containerd, ctr, storeMountPoint];
      await run(
        'unshare',
        [...namespaces, 'sh', ...args, ...archives.map(({ archive }) => archive)],
        {
          signal: context.signal,
          hint: 'look whether the disk under the cache folder is full (df -h), then run the command again',
        },
      );
      renameSync(unfinished, store);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
  for (const other of readdirSync(folder))
    if (/^node-store-.*\.img$/.test(other) && other !== name) rmSync(path.join(folder, other));
  return store;
}

function toolPath(context: ImageContext, name: 'containerd' | 'ctr'): string {
  const tool = context.tools.get(name);
  if (tool !== undefined) return tool.path;
  throw new LabFault(`The tool ${name} was not prepared.`, 'ensureTools(labToolNames) prepares it');
}
