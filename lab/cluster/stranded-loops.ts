/**
 * Loop devices that programs in a node made over a file system of their own (a volume served
 * through FUSE). On a real computer they end with its power; here all nodes have one kernel, which
 * keeps them after the file system below them has gone.
 *
 * Never: touches a device whose file system was not seen mounted before, or still is: others may
 * use loop devices too.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { run } from '../base/run.ts';

/**
 * Does `end`, which ends nodes, and detaches the devices that it left without a file system.
 * Returns how many.
 */
export async function releaseStranded(end: () => Promise<void>): Promise<number> {
  const before = mountedFileSystems();
  const ours = (await loopDevices()).filter(({ fileSystem }) => before.has(fileSystem));
  await end();
  const after = mountedFileSystems();
  const stranded = ours.filter(({ fileSystem }) => !after.has(fileSystem));
  const devices = stranded.map(({ device }) => device);
  if (devices.length > 0) await run('losetup', ['--detach', ...devices], { allow: [1] });
  return devices.length;
}

interface LoopDevice {
  readonly device: string;
  /** Device number of the file system that holds its file. */
  readonly fileSystem: string;
}

async function loopDevices(): Promise<LoopDevice[]> {
  const { stdout } = await run('losetup', [
    '--list',
    '--noheadings',
    '--output',
    'NAME,BACK-MAJ:MIN',
  ]);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([device, fileSystem]) =>
      device === undefined || fileSystem === undefined ? [] : [{ device, fileSystem }],
    );
}

/** Device numbers of what is mounted in any mount namespace of the machine. */
function mountedFileSystems(): Set<string> {
  const namespaces = new Set<string>();
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (namespaces.has(namespace)) continue;
      namespaces.add(namespace);
      for (const line of readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')) {
        const [, , fileSystem] = line.split(' ');
        if (fileSystem !== undefined) found.add(fileSystem);
      }
    } catch {
      // It has ended meanwhile, or is ending and has no namespaces any more.
    }
  }
  return found;
}
