/**
 * Control groups of the lab: `<hierarchy>/<lab>/<node>/…`, one group a node. The kubelet keeps its
 * pods below that group, and the node's own daemons sit in `sys` beside them.
 *
 * Version 1 (and the hybrid of both) has a folder in **every** mounted hierarchy: the kubelet asks
 * for `name=systemd` too, and runc writes into `unified`. Version 2 has one tree, in which a
 * controller must be switched on in each group above the one that uses it (kernel documentation,
 * cgroup-v2, "Controlling Controllers"). What to do is planned from texts and tested without a
 * kernel.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabFault } from '../base/fault.ts';

interface Hierarchy {
  readonly mountPoint: string;
  /** Controllers of a version 1 hierarchy; `name=systemd` for the one without a controller. */
  readonly controllers: readonly string[];
}

export interface CgroupLayout {
  readonly version: 1 | 2;
  /** Version 2: exactly one. Version 1: all of them, `unified` last when there is one. */
  readonly hierarchies: readonly Hierarchy[];
}

/** What the kubelet needs; `hugetlb` and `io` are used where they exist. */
const requiredV1 = ['name=systemd', 'cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'devices'];
const requiredV2 = ['cpu', 'cpuset', 'memory', 'pids'];
const wantedV2 = [...requiredV2, 'hugetlb', 'io'];
/** The controllers that count what the node's own daemons use. */
const daemonControllersV1 = ['cpu', 'cpuacct', 'memory', 'pids'];

const removalTimeoutMs = 8000;
const removalRetryMs = 50;

/**
 * Reads the text of `/proc/self/mountinfo` (proc(5): fields, ` - `, file system type, source,
 * options).
 */
export function cgroupLayout(mountinfo: string): CgroupLayout {
  const v1: Hierarchy[] = [];
  const v2: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (mountPoint === undefined) continue;
    if (type === 'cgroup2') v2.push({ mountPoint, controllers: [] });
    if (type === 'cgroup')
      v1.push({
        mountPoint,
        controllers: (options ?? '').split(',').filter((option) => !mountFlags.has(option)),
      });
  }
  const hasControllers = v1.some(({ controllers }) => controllers.includes('memory'));
  return hasControllers
    ? { version: 1, hierarchies: [...v1, ...v2] }
    : { version: 2, hierarchies: v2.slice(0, 1) };
}

const mountFlags = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'release_agent']);

/**
 * What the lab lacks, as one line each. `available` is the root's `cgroup.controllers` (version 2).
 */
export function missingControllers(layout: CgroupLayout, available: string): string[] {
  const have =
    layout.version === 1
      ? layout.hierarchies.flatMap(({ controllers }) => controllers)
      : available.trim().split(/\s+/);
  const required = layout.version === 1 ? requiredV1 : requiredV2;
  return required.filter((controller) => !have.includes(controller));
}

/** Folders to make for a node, outermost first. */
export function nodeFolders(layout: CgroupLayout, lab: string, node: string): string[] {
  return layout.hierarchies.flatMap(({ mountPoint }) =>
    [lab, `${lab}/${node}`, `${lab}/${node}/sys`].map((group) => path.join(mountPoint, group)),
  );
}

/** Files the node's first process writes itself into. */
export function daemonGroups(layout: CgroupLayout, lab: string, node: string): string[] {
  return layout.hierarchies
    .filter(
      ({ controllers }) =>
        layout.version === 2 || daemonControllersV1.some((name) => controllers.includes(name)),
    )
    .map(({ mountPoint }) => path.join(mountPoint, lab, node, 'sys', 'cgroup.procs'));
}

/** Version 2: the controllers that a group has to switch on for the groups below it. */
export function controllersToEnable(available: string, enabled: string): string[] {
  const have = available.trim().split(/\s+/);
  const on = enabled.trim().split(/\s+/);
  return wantedV2.filter((controller) => have.includes(controller) && !on.includes(controller));
}

/** The control groups of this machine as a lab uses them. */
export class Cgroups {
  readonly layout: CgroupLayout;
  readonly #lab: string;

  constructor(lab: string, mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')) {
    this.layout = cgroupLayout(mountinfo);
    this.#lab = lab;
  }

  /** Throws a `LabFault` that names what is missing. */
  check(): void {
    const root = this.layout.hierarchies[0]?.mountPoint;
    if (root === undefined)
      throw new LabFault(
        'No control groups are mounted on this machine; the kubelet cannot work without them.',
        'mount them (systemd does, or: mount -t cgroup2 none /sys/fs/cgroup)',
      );
    const available = this.layout.version === 2 ? read(path.join(root, 'cgroup.controllers')) : '';
    const missing = missingControllers(this.layout, available);
    if (missing.length > 0)
      throw new LabFault(
        `These control group controllers are missing: ${missing.join(', ')} (version ${this.layout.version}, ${root}).`,
        missing.includes('memory')
          ? 'add cgroup_enable=memory to the kernel command line (on a Raspberry Pi: /boot/firmware/cmdline.txt) and restart'
          : 'the kernel was built or started without them; see cgroup_disable= in /proc/cmdline',
      );
  }

  /**
   * Controllers that `prepare` will switch on in the machine's root group: recorded before it
   * happens.
   */
  rootControllersToEnable(): string[] {
    const root = this.#rootV2();
    if (root === undefined) return [];
    return controllersToEnable(
      read(path.join(root, 'cgroup.controllers')),
      read(path.join(root, 'cgroup.subtree_control')),
    );
  }

  /** Makes the groups of one node, empty: what its earlier life left goes first. */
  async prepare(node: string): Promise<void> {
    await this.remove(node);
    const root = this.#rootV2();
    if (root !== undefined) enableBelow(root);
    for (const folder of nodeFolders(this.layout, this.#lab, node)) {
      mkdirSync(folder, { recursive: true });
      const group = path.relative(this.#mountPointOf(folder), folder);
      if (root !== undefined && (group === this.#lab || group === `${this.#lab}/${node}`))
        enableBelow(folder);
      if (root === undefined && group === this.#lab) fillCpuset(folder);
    }
  }

  daemonGroups(node: string): string[] {
    return daemonGroups(this.layout, this.#lab, node);
  }

  /**
   * Removes the groups of one node, or of the whole lab; returns how many. All processes must be
   * gone.
   */
  async remove(node?: string): Promise<number> {
    const group = node === undefined ? this.#lab : path.join(this.#lab, node);
    const roots = this.layout.hierarchies
      .map(({ mountPoint }) => path.join(mountPoint, group))
      .filter((folder) => existsSync(folder));
    let removed = 0;
    const deadlineMs = performance.now() + removalTimeoutMs;
    for (const folder of roots)
      for (;;) {
        removed += removeTree(folder);
        if (!existsSync(folder)) break;
        if (performance.now() > deadlineMs)
          throw new LabFault(
            `The control group ${folder} could not be removed within ${removalTimeoutMs / 1000} s.`,
            `a process is still in it: read cgroup.procs in the folders below it, end what it names and run npm stop again`,
          );
        await delay(removalRetryMs);
      }
    return removed;
  }

  /**
   * Switches off again what `rootControllersToEnable` named; a group of somebody else may need it
   * by now.
   */
  restoreRoot(controllers: readonly string[]): void {
    const root = this.#rootV2();
    if (root === undefined) return;
    for (const controller of controllers) {
      try {
        writeFileSync(path.join(root, 'cgroup.subtree_control'), `-${controller}`);
      } catch (error) {
        // EBUSY: another group has it on for its own children; then it is no longer ours to take.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      }
    }
  }

  #rootV2(): string | undefined {
    return this.layout.version === 2 ? this.layout.hierarchies[0]?.mountPoint : undefined;
  }

  #mountPointOf(folder: string): string {
    const owner = this.layout.hierarchies.find(({ mountPoint }) =>
      folder.startsWith(`${mountPoint}/`),
    );
    return owner?.mountPoint ?? '/';
  }
}

function enableBelow(group: string): void {
  const control = path.join(group, 'cgroup.subtree_control');
  const missing = controllersToEnable(read(path.join(group, 'cgroup.controllers')), read(control));
  if (missing.length === 0) return;
  try {
    writeFileSync(control, missing.map((controller) => `+${controller}`).join(' '));
  } catch (error) {
    throw new LabFault(
      `The controllers ${missing.join(', ')} cannot be switched on in ${group}: ${error instanceof Error ? error.message : error}.`,
      'inside a container the lab needs a private, writable control group tree (docker run --privileged --cgroupns=host)',
      { cause: error },
    );
  }
}

/** A new cpuset group is empty and takes no process until it has processors and memory. */
function fillCpuset(folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const target = path.join(folder, file);
    if (!existsSync(target)) return;
    if (read(target).trim() === '')
      writeFileSync(target, read(path.join(path.dirname(folder), file)));
  }
  writeFileSync(path.join(folder, 'cgroup.clone_children'), '1');
}

/** Innermost first; a group that is still in use stays and is counted by the next attempt. */
function removeTree(folder: string): number {
  let removed = 0;
  let entries: string[];
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(folder, entry.name));
  } catch {
    return 0;
  }
  for (const entry of entries) removed += removeTree(entry);
  try {
    rmdirSync(folder);
    return removed + 1;
  } catch {
    return removed;
  }
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
