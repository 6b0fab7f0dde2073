/**
 * Loop devices: the kernel's block devices over files. Which one is over a file is asked of the
 * kernel, by the file's own identity, never of a note.
 */
import { access, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { deviceNumber } from './mounts.ts';
import { mustRun, runProgram } from './programs.ts';

/** Both numbers are null when what is behind the device is gone. */
const loopList = z.object({
  loopdevices: z.array(
    z.object({
      name: z.string(),
      'back-ino': z.coerce.number().nullable(),
      'back-maj:min': z.string().nullable(),
    }),
  ),
});

/** Others may take the device that was free a moment ago. */
const attempts = 10;

/** The device over an existing file. */
export async function loopOver(file: string): Promise<string | undefined> {
  const { dev, ino } = await stat(file);
  const wanted = deviceNumber(dev);
  const loops = await loopDevices();
  return loops.find((loop) => loop['back-ino'] === ino && loop['back-maj:min']?.trim() === wanted)
    ?.name;
}

/**
 * Whether the device is bound to this file, which need not answer any more, or to one that is gone:
 * it would stay so for ever. Right after its server has ended the kernel still answers for the file
 * from what it remembers; only the path tells then.
 */
export async function isLoopLeft(device: string, file: string): Promise<boolean> {
  const attribute = path.join('/sys/block', path.basename(device), 'loop/backing_file');
  const behind = await readFile(attribute, 'utf8').catch(() => undefined);
  if (behind === undefined) return false;
  if (behind.trim() === file) return true;
  const loops = await loopDevices();
  return loops.some((loop) => loop.name === device && loop['back-maj:min'] === null);
}

/** Makes a device over the file, past the page cache of the machine. */
export async function makeLoop(file: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const device = (await mustRun('losetup', ['--find'])).trim();
    await makeDeviceNode(path.basename(device));
    const { code, stderr } = await runProgram('losetup', ['--direct-io=on', device, file]);
    if (code === 0) return device;
    if (attempt >= attempts)
      throw new Fault('disk.failed', `No loop device for ${file}: ${stderr.trim()}`);
  }
}

export async function removeLoop(device: string): Promise<void> {
  await mustRun('losetup', ['--detach', device]);
}

async function loopDevices() {
  // A container's /dev is a copy made when it started: later loop devices are not in it.
  for (const name of await readdir('/sys/block')) {
    if (/^loop\d+$/.test(name)) await makeDeviceNode(name);
  }
  const columns = ['--list', '--json', '--output', 'NAME,BACK-INO,BACK-MAJ:MIN'];
  const text = await mustRun('losetup', columns);
  return text.trim() === '' ? [] : loopList.parse(JSON.parse(text)).loopdevices;
}

async function makeDeviceNode(name: string): Promise<void> {
  const device = path.join('/dev', name);
  const isThere = async () =>
    access(device).then(
      () => true,
      () => false,
    );
  if (await isThere()) return;
  const number = /\d+$/.exec(name)?.[0] ?? '';
  const { code, stderr } = await runProgram('mknod', ['--mode=0600', device, 'b', '7', number]);
  if (code !== 0 && !(await isThere()))
    throw new Fault('disk.failed', `${device} cannot be made: ${stderr.trim()}`);
}
