/**
 * The disk a node starts its first life with: a file system that already holds every image, unpacked, in
 * containerd's store. Copying it takes a second a node; importing takes ten, all at the moment when
 * everybody waits (decision 17). Kept in the cache under the hash of what is in it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import { run } from '../base/run.ts';
import { ensureDiskImage } from '../cluster/disk-image.ts';
import type { ImageContext, LabImages } from './images.ts';
import { fileText, filesFolder, recipeHash } from './recipes.ts';

/** Size of a node's system disk: containers, images, logs, emptyDir. The file is sparse. */
const sizeMiB = 16 * 1024;

/** Path of the disk image, made when it is not there. Nodes copy it, nothing may write to it. */
export async function ensureNodeStore(images: LabImages, context: ImageContext): Promise<string> {
  const containerd = toolPath(context, 'containerd');
  const ctr = toolPath(context, 'ctr');
  const archives = Object.values(images);
  const hash = recipeHash(
    fileText('fill-store.sh'),
    sizeMiB,
    context.tools.get('containerd')?.version,
    archives.map(({ archive }) => path.basename(archive)),
  );
  const folder = context.paths.images;
  const name = `node-store-${hash}.img`;
  const store = path.join(folder, name);
  if (existsSync(store)) return store;
  using _lock = await acquireLock(path.join(folder, 'store.lock'), {
    what: 'making the disk of the nodes',
    onWait: (holder) => context.progress.say(`Waiting for another command: ${holder}`),
    signal: context.signal,
  });
  if (existsSync(store)) return store;
  await context.progress.step('Disk of the nodes with all images', async () => {
    const scratch = path.join(folder, 'store-scratch');
    rmSync(scratch, { recursive: true, force: true }); // of a command that was killed
    mkdirSync(scratch, { recursive: true });
    try {
      const unfinished = path.join(scratch, 'disk.img');
      await ensureDiskImage(unfinished, sizeMiB);
      const script = path.join(filesFolder, 'fill-store.sh');
      const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
      const args = [script, unfinished, scratch, containerd, ctr];
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
