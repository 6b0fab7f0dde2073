/**
 * Disks as sparse files with an ext4 file system. They are attached as loop devices that the kernel
 * releases by itself with the last mount, so a node whose power is cut leaves no device behind.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
} from 'node:fs';
import path from 'node:path';
import { run } from '../base/run.ts';
import { waitFor } from './wait.ts';

const releaseTimeoutMs = 10_000;

/** Makes the image unless it is there. No blocks are reserved: full means full for everybody. */
export async function ensureDiskImage(file: string, sizeMiB: number): Promise<void> {
  if (existsSync(file)) return;
  const unfinished = `${file}.new`;
  mkdirSync(path.dirname(file), { recursive: true });
  const descriptor = openSync(unfinished, 'w', 0o600);
  ftruncateSync(descriptor, sizeMiB * 1024 * 1024);
  closeSync(descriptor);
  // The file is new, so its zeros need not be written again: neither journal nor inode tables.
  const extended = 'nodiscard,lazy_itable_init=1,lazy_journal_init=1';
  await run('mkfs.ext4', ['-q', '-F', '-b', '4096', '-m', '0', '-E', extended, unfinished], {
    hint: 'install e2fsprogs, and look whether the disk under the state folder is full (df -h)',
  });
  renameSync(unfinished, file);
}

/**
 * A second name for an image that is only read, so that it stays when the first name goes; on
 * another file system it is a copy. Nothing happens when it is there.
 */
export async function ensureDiskLink(file: string, original: string): Promise<void> {
  if (existsSync(file)) return;
  try {
    linkSync(original, file);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
  }
  const unfinished = `${file}.new`;
  await run('cp', ['--sparse=always', '--reflink=auto', original, unfinished], {
    hint: 'look whether the disk under the state folder is full (df -h)',
  });
  renameSync(unfinished, file);
}

/**
 * Loop devices bound to the image, found by its inode: the path reads differently inside a node.
 */
export async function loopDevicesOf(file: string): Promise<string[]> {
  const { stdout } = await run('losetup', [
    '--noheadings',
    '--output',
    'NAME',
    '--associated',
    file,
  ]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Until the kernel has let go of the images; the mounts of a killed node take a moment. */
export async function waitUntilReleased(files: readonly string[]): Promise<void> {
  const bound = async () => {
    const devices = await Promise.all(
      files.filter((file) => existsSync(file)).map((file) => loopDevicesOf(file)),
    );
    return devices.flat();
  };
  await waitFor(
    `the loop devices of ${files.length} disks to be released`,
    async () => {
      const devices = await bound();
      if (devices.length > 0) throw new Error(`${devices.join(', ')} still in use`);
      return true;
    },
    releaseTimeoutMs,
    { hint: 'see losetup --list; a mount of one of these files outside the lab keeps it' },
  );
}
