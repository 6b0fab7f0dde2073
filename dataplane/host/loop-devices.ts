/**
 * Loop devices: the kernel's block devices over files. Which one is over a file is asked of the
 * kernel, by the file's own identity, never of a note.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import { makeNode } from './device-node.ts';
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

const sectorBytes = 512;
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
    // Without --partscan the kernel takes no partitions, not even ours.
    const args = ['--direct-io=on', '--partscan', device, file];
    const { code, stderr } = await runProgram('losetup', args);
    if (code === 0) {
      await removeParts(device);
      return device;
    }
    if (attempt >= attempts)
      throw new Fault('disk.failed', `No loop device for ${file}: ${stderr.trim()}`);
  }
}

/**
 * The part of a loop device that is a volume: a partition that only the kernel knows, from the
 * first byte, because it can be made larger while it is in use and a loop device over a file of
 * fixed size cannot. Undefined before `sizePart`.
 */
export async function partOf(loop: string): Promise<string | undefined> {
  const number = await readFile(`${sysfsOf(loop)}/dev`, 'utf8').catch(() => undefined);
  if (number === undefined) return undefined;
  const device = `${loop}p1`;
  await makeNode(device, number.trim());
  return device;
}

/** Makes the part at least so large; of a loop device that `makeLoop` made. */
export async function sizePart(loop: string, sizeBytes: number): Promise<string> {
  const sectors = sizeBytes / sectorBytes;
  const now = Number(await readFile(`${sysfsOf(loop)}/size`, 'utf8').catch(() => '0'));
  if (now === 0) await mustRun('addpart', [loop, '1', '0', String(sectors)]);
  else if (now < sectors) await mustRun('resizepart', [loop, '1', String(sectors)]);
  const device = await partOf(loop);
  if (device === undefined) throw new Fault('disk.failed', `${loop}p1 did not appear.`);
  return device;
}

const sysfsOf = (loop: string) => `/sys/class/block/${path.basename(loop)}p1`;

/** What the volume itself begins with may look like a partition table; it is the pods' business. */
async function removeParts(loop: string): Promise<void> {
  const name = path.basename(loop);
  for (const entry of await readdir(`/sys/block/${name}`)) {
    const part = /^loop\d+p(\d+)$/.exec(entry)?.[1];
    if (part !== undefined) await mustRun('delpart', [loop, part]);
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
  await makeNode(path.join('/dev', name), `7:${/\d+$/.exec(name)?.[0] ?? ''}`);
}
