/**
 * Is this machine fit for the lab? Facts are read once, quickly and without changing anything; what
 * they mean is decided by a pure function over them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, release, totalmem } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { cgroupLayout, missingControllers } from '../cluster/cgroups.ts';
import type { LabPaths } from '../base/paths.ts';
import { which } from './which.ts';

/**
 * `later`: not here yet, comes by itself when it is needed; `warn`: something is slower or some
 * tests are skipped; `fail`: the lab cannot run.
 */
export type Level = 'ok' | 'later' | 'warn' | 'fail';

export interface MachineRow {
  readonly subject: string;
  readonly level: Level;
  readonly found: string;
  /** What to do; absent when all is well. */
  readonly advice?: string;
}

interface Space {
  readonly folder: string;
  readonly freeBytes: number;
}

export interface MachineFacts {
  readonly kernel: string;
  readonly processors: number;
  readonly isRoot: boolean;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly cgroupVersion: 1 | 2;
  readonly missingControllers: readonly string[];
  readonly hasLoop: boolean;
  readonly hasFuse: boolean;
  readonly hasNbd: boolean;
  /** Undefined when it could not be tried (not root, or no `unshare`). */
  readonly namespaces: 'work' | 'refused' | undefined;
  /** Undefined when it could not be tried. */
  readonly nftables: 'work' | 'refused' | undefined;
  readonly cache: Space | undefined;
  readonly state: Space | undefined;
  /** Tools are still to be built, which needs room for Go's caches. */
  readonly isToolCacheEmpty: boolean;
  readonly isNetworkOpen: boolean;
}

const gibibyte = 2 ** 30;
/** The lab with the homelab stack; see the numbers in docs/toolchain.md. */
const labMemoryBytes = 3 * gibibyte;
const buildSpaceBytes = 14 * gibibyte;
const cacheSpaceBytes = 2 * gibibyte;
const stateSpaceBytes = 8 * gibibyte;
const probeTimeoutMs = 1500;

export async function readMachine(
  paths: LabPaths,
  env: NodeJS.ProcessEnv,
  known: Pick<MachineFacts, 'isToolCacheEmpty' | 'isNetworkOpen'>,
): Promise<MachineFacts> {
  const isRoot = process.getuid?.() === 0;
  const [cache, state, namespaces] = await Promise.all([
    spaceOf(paths.tools),
    spaceOf(paths.state),
    isRoot ? probe(['true'], env) : undefined,
  ]);
  const nft = which('nft', env);
  const canTryNft = namespaces === 'work' && nft !== undefined;
  const layout = cgroupLayout(read('/proc/self/mountinfo'));
  const root = layout.hierarchies[0]?.mountPoint ?? '/sys/fs/cgroup';
  return {
    ...known,
    kernel: release(),
    processors: availableParallelism(),
    isRoot,
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    cgroupVersion: layout.version,
    missingControllers: missingControllers(layout, read(path.join(root, 'cgroup.controllers'))),
    hasLoop: existsSync('/dev/loop-control') && /^\s*\d+ loop$/m.test(read('/proc/devices')),
    hasFuse: existsSync('/dev/fuse') && /\bfuse$/m.test(read('/proc/filesystems')),
    hasNbd: existsSync('/dev/nbd0'),
    namespaces,
    nftables: canTryNft ? await probe([nft, 'add table inet probe'], env) : undefined,
    cache,
    state,
  };
}

/** Runs a program in fresh namespaces, which end with it. */
async function probe(command: readonly string[], env: NodeJS.ProcessEnv) {
  const unshare = which('unshare', env);
  if (unshare === undefined) return undefined;
  const kinds = ['--mount', '--net', '--uts', '--ipc', '--pid', '--fork'];
  const result = await execa(unshare, [...kinds, ...command], {
    reject: false,
    stdin: 'ignore',
    timeout: probeTimeoutMs,
  });
  return result.exitCode === 0 ? ('work' as const) : ('refused' as const);
}

/** Of the nearest folder above that exists: the folder itself is made later. */
async function spaceOf(folder: string): Promise<Space | undefined> {
  let existing = folder;
  while (!existsSync(existing) && path.dirname(existing) !== existing) {
    existing = path.dirname(existing);
  }
  const status = await statfs(existing).catch(() => undefined);
  return status === undefined ? undefined : { folder, freeBytes: status.bavail * status.bsize };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** What the facts mean for the lab, most fundamental first. */
export function assessMachine(facts: MachineFacts): readonly MachineRow[] {
  return [
    facts.isRoot
      ? row('root', 'ok', 'yes')
      : row(
          'root',
          'fail',
          'no',
          'sudo npm start; without root: KUBECONFIG=<file> npm start, npm run preview, npm test',
        ),
    row('kernel', 'ok', `Linux ${facts.kernel}, ${facts.processors} processors`),
    cgroups(facts),
    feature(facts.namespaces, 'namespaces', 'mount, net, uts, ipc, pid', {
      refused:
        'this container or its policy forbids unshare: use a virtual machine or --privileged',
      untried: 'could not be tried: needs root and unshare (util-linux)',
    }),
    feature(facts.nftables, 'nftables', 'rules can be made in a network namespace', {
      refused: 'the kernel lacks nf_tables: modprobe nf_tables, or use another kernel',
      untried: 'could not be tried: needs root, namespaces and nft',
    }),
    facts.hasLoop
      ? row('loop devices', 'ok', 'yes')
      : row('loop devices', 'fail', 'no', "modprobe loop: the nodes' disks are files"),
    facts.hasFuse
      ? row('FUSE', 'ok', 'yes')
      : row('FUSE', 'warn', 'no', 'modprobe fuse; without it tests of FUSE mounts are skipped'),
    facts.hasNbd
      ? row('nbd module', 'ok', 'loaded')
      : row('nbd module', 'warn', 'not loaded', 'modprobe nbd; without it volumes use FUSE'),
    memory(facts),
    cacheSpace(facts),
    space('state folder', facts.state, stateSpaceBytes, 'XDG_STATE_HOME'),
    facts.isNetworkOpen
      ? row('network', 'ok', 'open: official Pulumi plugins')
      : row('network', 'ok', 'package registries only: stand-ins for Pulumi plugins'),
  ];
}

function row(subject: string, level: Level, found: string, advice?: string): MachineRow {
  return advice === undefined ? { subject, level, found } : { subject, level, found, advice };
}

function cgroups(facts: MachineFacts): MachineRow {
  const version = `version ${facts.cgroupVersion}`;
  if (facts.missingControllers.length === 0) return row('control groups', 'ok', version);
  const missing = facts.missingControllers.join(', ');
  const advice = 'start the kernel with these controllers, or mount them (cgroupfs-mount)';
  return row('control groups', 'fail', `${version}, without ${missing}`, advice);
}

function feature(
  state: 'work' | 'refused' | undefined,
  subject: string,
  works: string,
  words: { readonly refused: string; readonly untried: string },
): MachineRow {
  if (state === 'work') return row(subject, 'ok', works);
  return state === 'refused'
    ? row(subject, 'fail', 'refused', words.refused)
    : row(subject, 'warn', 'not known', words.untried);
}

function memory(facts: MachineFacts): MachineRow {
  const found = `${gib(facts.freeMemoryBytes)} of ${gib(facts.memoryBytes)} GiB free`;
  return facts.memoryBytes >= labMemoryBytes
    ? row('memory', 'ok', found)
    : row('memory', 'warn', found, `the lab takes up to ${gib(labMemoryBytes)} GiB`);
}

function cacheSpace(facts: MachineFacts): MachineRow {
  const neededBytes = facts.isToolCacheEmpty ? buildSpaceBytes : cacheSpaceBytes;
  return space('cache folder', facts.cache, neededBytes, 'XDG_CACHE_HOME, GOCACHE and GOMODCACHE');
}

function space(
  subject: string,
  found: Space | undefined,
  neededBytes: number,
  variable: string,
): MachineRow {
  if (found === undefined) return row(subject, 'warn', 'not known');
  const words = `${gib(found.freeBytes)} GiB free in ${found.folder}`;
  return found.freeBytes >= neededBytes
    ? row(subject, 'ok', words)
    : row(
        subject,
        'warn',
        words,
        `${gib(neededBytes)} GiB are needed: free some or set ${variable}`,
      );
}

function gib(bytes: number): string {
  return (bytes / gibibyte).toFixed(bytes < 10 * gibibyte ? 1 : 0);
}
