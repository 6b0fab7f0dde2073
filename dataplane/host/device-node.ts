/** Files that stand for devices, where nobody else makes them: a container's /dev is a copy. */
import { rm, stat } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { deviceNumber } from './mounts.ts';
import { runProgram } from './programs.ts';

/** @param number as `7:3`; a file that stands for another device is taken away */
export async function makeNode(device: string, number: string): Promise<void> {
  const isThere = async () =>
    stat(device).then(
      ({ rdev }) => deviceNumber(rdev) === number,
      () => false,
    );
  if (await isThere()) return;
  await rm(device, { force: true });
  const [major = '', minor = ''] = number.split(':');
  const { code, stderr } = await runProgram('mknod', ['--mode=0600', device, 'b', major, minor]);
  if (code !== 0 && !(await isThere()))
    throw new Fault('disk.failed', `${device} cannot be made: ${stderr.trim()}`);
}
