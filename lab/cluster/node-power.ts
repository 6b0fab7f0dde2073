/**
 * Switching a node on and off. A node is the tree of processes below one `unshare`: what is
 * recorded of it are that one and its only child, the node's first process.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { repositoryRoot } from '../base/paths.ts';
import { Cgroups } from './cgroups.ts';
import { ensureDiskImage, waitUntilReleased } from './disk-image.ts';
import { logTail } from './log-tail.ts';
import { connectNode } from './network.ts';
import { type NodeIdentity, nodeEnvironment } from './node-files.ts';
import {
  isAlive,
  killAll,
  markerVariable,
  onlyChildOf,
  type ProcessIdentity,
  type StartedDaemon,
  startDaemon,
} from './processes.ts';
import type { LabRecord, RecordFile } from './record.ts';
import { releaseStranded } from './stranded-loops.ts';
import { waitFor } from './wait.ts';

/** Size of a node's system disk: containers, logs, emptyDir. The file is sparse. */
const rootSizeMiB = 16 * 1024;
const bootTimeoutMs = 20_000;
const powerCutTimeoutMs = 15_000;

export interface NodeSite {
  readonly stateFolder: string;
  readonly record: RecordFile;
}

/**
 * Boots a node: disks, control groups, namespaces, cable, "go". Everything it makes is recorded
 * first. `apiReady` is when kube-proxy starts; when it fails the node is switched off again.
 */
export async function powerOn(
  site: NodeSite,
  name: string,
  apiReady: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  const { stateFolder, record } = site;
  const { options, host } = record.current;
  const folder = nodeFolder(stateFolder, name);
  const identity = identityOf(record.current, name);
  const disks = await ensureDisks(site, name);
  await waitUntilReleased([path.join(folder, 'root.img'), ...disks.map(({ file }) => file)]);
  const cgroups = new Cgroups(options.name);
  await cgroups.prepare(name);
  const bootId = randomUUID();
  record.update((changed) => {
    const node = changed.nodes[name];
    if (node !== undefined) node.bootId = bootId;
    changed.processes[outerName(name)] = null;
  });
  writeFileSync(
    path.join(folder, 'node.env'),
    nodeEnvironment(identity, {
      readOnlyFolders: host.readOnlyFolders,
      bootId,
      binFolder: path.join(stateFolder, 'bin'),
      storeImage: storeImage(stateFolder),
      cgroupFiles: cgroups.daemonGroups(name),
      disks: disks.map(({ image, path: mountPath }) => ({ image, path: mountPath })),
    }),
    { mode: 0o600 },
  );
  const outer = await startNode(site, name);
  try {
    const first = await waitForFirstProcess(site, name, outer);
    const holder = networkHolder(record.current);
    const { number } = identity;
    await connectNode(holder, { number, pid: first.pid }, options.nodes.length);
    outer.tell('go');
    await apiReady;
  } catch (error) {
    await switchOff(site, name); // it would wait for us as long as this process lives
    throw error;
  }
  outer.release();
}

async function startNode({ stateFolder, record }: NodeSite, name: string): Promise<StartedDaemon> {
  const folder = nodeFolder(stateFolder, name);
  const init = path.join(repositoryRoot, 'lab', 'cluster', 'node-init.sh');
  const namespaces = ['--mount', '--net', '--uts', '--ipc', '--pid', '--fork', '--kill-child'];
  const outer = await startDaemon({
    program: 'unshare',
    args: [...namespaces, 'sh', init, folder],
    log: initLog(folder),
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: '/root', LANG: 'C', [markerVariable]: stateFolder },
    heldInput: true,
  });
  record.update((changed) => {
    changed.processes[outerName(name)] = { pid: outer.pid, startTime: outer.startTime };
  });
  return outer;
}

async function waitForFirstProcess(
  { stateFolder, record }: NodeSite,
  name: string,
  outer: ProcessIdentity,
): Promise<ProcessIdentity> {
  const log = initLog(nodeFolder(stateFolder, name));
  const first = await waitFor(
    `the first process of node ${name}`,
    async () => {
      if (isAlive(outer)) return onlyChildOf(outer.pid);
      throw new LabFault(
        logTail(`Node ${name} did not start`, log),
        'correct what its log says and run the same command again',
      );
    },
    bootTimeoutMs,
    { hint: `read ${log}` },
  );
  record.update((changed) => {
    changed.processes[firstName(name)] = { pid: first.pid, startTime: first.startTime };
  });
  return first;
}

function initLog(folder: string): string {
  return path.join(folder, 'log', 'init.log');
}

/** Kills the node's first process, waits for all of it, and removes its control groups. */
export async function switchOff(site: NodeSite, name: string): Promise<void> {
  const { processes, options } = site.record.current;
  const first = processes[firstName(name)];
  const outer = processes[outerName(name)];
  // The outer process ends when the kernel has ended everything inside, so it is waited for, not
  // killed.
  await releaseStranded(async () => {
    if (first !== null && first !== undefined) await killAll([first], powerCutTimeoutMs);
    if (outer !== null && outer !== undefined) await killAll([outer], powerCutTimeoutMs);
  });
  await new Cgroups(options.name).remove(name);
}

/**
 * The image store under the lab's own name: the one in the cache may be replaced while the lab
 * runs.
 */
export function storeImage(stateFolder: string): string {
  return path.join(stateFolder, 'store.img');
}

export function nodeFolder(stateFolder: string, name: string): string {
  return path.join(stateFolder, 'nodes', name);
}

export function identityOf(record: LabRecord, name: string): NodeIdentity {
  const index = record.options.nodes.findIndex((node) => node.name === name);
  return { name, number: index + 1, labels: record.options.nodes[index]?.labels ?? {} };
}

/** Names of the two processes of a node in the record. */
export const outerName = (node: string) => `node/${node}/namespaces`;
export const firstName = (node: string) => `node/${node}/init`;
export const networkName = 'network';

export function networkHolder(record: LabRecord): number {
  const holder = record.processes[networkName] ?? undefined;
  if (holder === undefined || !isAlive(holder))
    throw new LabFault(
      'The lab network is gone: its process has ended.',
      'run npm start: it repairs the lab',
    );
  return holder.pid;
}

export function imageOf(index: number, which: 'own' | 'empty'): string {
  return path.join('disks', which === 'own' ? `${index}.img` : `${index}.empty.img`);
}

export function diskOf(record: LabRecord, node: string, diskPath: string) {
  const disks = record.options.nodes.find(({ name }) => name === node)?.disks ?? [];
  const index = disks.findIndex((disk) => disk.path === diskPath);
  const disk = disks[index];
  if (disk !== undefined) return { index, sizeMiB: disk.sizeMiB };
  const known = disks.map(({ path: other }) => other).join(', ') || 'none';
  throw new LabFault(`Node ${node} has no disk at ${diskPath}.`, `its disks: ${known}`);
}

/** The system disk and the declared ones; returns those that are in, as the boot mounts them. */
async function ensureDisks(site: NodeSite, name: string) {
  const folder = nodeFolder(site.stateFolder, name);
  const states = site.record.node(name).disks;
  const present = Object.entries(states).flatMap(([mountPath, { present: which }]) => {
    if (which === 'none') return [];
    const { index, sizeMiB } = diskOf(site.record.current, name, mountPath);
    const image = imageOf(index, which);
    return [{ image, file: path.join(folder, image), path: mountPath, sizeMiB }];
  });
  await Promise.all([
    ensureDiskImage(path.join(folder, 'root.img'), rootSizeMiB),
    ...present.map(({ file, sizeMiB }) => ensureDiskImage(file, sizeMiB)),
  ]);
  return present;
}

export function firstProcess(record: LabRecord, node: string) {
  return record.processes[firstName(node)] ?? undefined;
}
