/**
 * Removes every trace of a lab: processes, mounts and network (which go with them), loop devices,
 * control groups, the state folder. Works from the record, and without one from what can be
 * recognised: the marker in the processes' environment, the lab's name, the images in its folder.
 */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../base/run.ts';
import { Cgroups } from './cgroups.ts';
import { loopDevicesOf } from './disk-image.ts';
import { loopDeviceNumbers } from './machine.ts';
import { outerName } from './node-power.ts';
import { isAlive, killAll, markedProcesses, type ProcessIdentity } from './processes.ts';
import { type LabRecord, RecordFile } from './record.ts';
import { releaseStranded } from './stranded-loops.ts';
import { waitFor } from './wait.ts';

export interface Removed {
  readonly processes: number;
  readonly loopDevices: number;
  readonly cgroups: number;
  /** The state folder was there. */
  readonly folder: boolean;
}

const killTimeoutMs = 12_000;
const releaseTimeoutMs = 5000;
/** LOOP_CTL_REMOVE of linux/loop.h; util-linux cannot do it before 2.42. */
const removeLoopProgram =
  'open(my $f, "+<", "/dev/loop-control") or exit 1; ioctl($f, 0x4C81, int($ARGV[0])) // exit 1;';

/** Safe to run again after it was interrupted, and when there is nothing to remove. */
export async function tearDown(stateFolder: string, labName: string): Promise<Removed> {
  const record = readableRecord(stateFolder);
  let processes = 0;
  const stranded = await releaseStranded(async () => {
    processes = await endProcesses(stateFolder, record);
  });
  const loopDevices = stranded + (await releaseLoopDevices(stateFolder));
  const groups = new Cgroups(record?.options.name ?? labName);
  const cgroups = await groups.remove();
  groups.restoreRoot(record?.before.rootControllers ?? []);
  if (record !== undefined) await removeLoopNodes(record.before.loopDevices);
  for (const file of record?.before.absentFiles ?? []) removeEmptyFile(file);
  const folder = existsSync(stateFolder);
  rmSync(stateFolder, { recursive: true, force: true });
  return { processes, loopDevices, cgroups, folder };
}

/** Stopping must work with a record that cannot be read, too. */
function readableRecord(stateFolder: string): LabRecord | undefined {
  try {
    return RecordFile.find(stateFolder)?.current;
  } catch {
    return undefined;
  }
}

async function endProcesses(stateFolder: string, record: LabRecord | undefined): Promise<number> {
  const recorded = Object.entries(record?.processes ?? {});
  const outerNames = new Set(Object.keys(record?.nodes ?? {}).map(outerName));
  // The outer process of a node ends once the kernel has ended all inside: its end is the proof.
  const outers = recorded.flatMap(([name, identity]) =>
    outerNames.has(name) && identity !== null ? [identity] : [],
  );
  const rest = recorded.flatMap(([name, identity]) =>
    !outerNames.has(name) && identity !== null ? [identity] : [],
  );
  const isOuter = (identity: ProcessIdentity) => outers.some(({ pid }) => pid === identity.pid);
  const marked = markedProcesses(stateFolder).filter((identity) => !isOuter(identity));
  const unique = new Map([...rest, ...marked].map((identity) => [identity.pid, identity]));
  const ended = await killAll([...unique.values()], killTimeoutMs);
  await waitForEnd(outers);
  return ended + (await killAll([...outers, ...markedProcesses(stateFolder)], killTimeoutMs));
}

async function waitForEnd(identities: readonly ProcessIdentity[]): Promise<void> {
  const deadlineMs = performance.now() + killTimeoutMs;
  while (identities.some(isAlive) && performance.now() < deadlineMs) await delay(20);
}

/**
 * With the last mount the kernel releases them by itself; one that was never mounted is detached
 * here.
 */
async function releaseLoopDevices(stateFolder: string): Promise<number> {
  const images = imageFiles(stateFolder);
  let detached = 0;
  await waitFor(
    'the loop devices to be released',
    async () => {
      const devices = (await Promise.all(images.map((file) => loopDevicesOf(file)))).flat();
      if (devices.length === 0) return true;
      detached += devices.length;
      await run('losetup', ['--detach', ...devices], { allow: [1] });
      throw new Error(`${devices.join(', ')} still bound`);
    },
    releaseTimeoutMs,
    { hint: 'see losetup --list and /proc/*/mountinfo for who still uses them' },
  );
  return detached;
}

function imageFiles(stateFolder: string): string[] {
  const nodes = path.join(stateFolder, 'nodes');
  if (!existsSync(nodes)) return [];
  return readdirSync(nodes, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.img(?:\.new)?$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * Device nodes that appeared for the lab; one that somebody uses by now is left alone by the
 * kernel.
 */
async function removeLoopNodes(before: readonly number[]): Promise<void> {
  for (const number of loopDeviceNumbers())
    if (!before.includes(number) && !existsSync(`/sys/block/loop${number}/loop/backing_file`))
      await run('perl', ['-e', removeLoopProgram, String(number)], { allow: [1, 127, 255] }).catch(
        () => {}, // without perl the empty device node stays, which harms nobody
      );
}

function removeEmptyFile(file: string): void {
  if (existsSync(file) && lstatSync(file).isFile() && lstatSync(file).size === 0) rmSync(file);
}
