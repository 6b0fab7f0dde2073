/**
 * What a lab consists of: its name, its nodes and their disks. Checked once, at the door; all
 * problems are reported together. Tested: test/unit/lab/cluster/options.spec.ts.
 */
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import { labNamePattern } from '../base/paths.ts';

interface LabDisk {
  /** Where the disk is mounted inside the node, for example `/mnt/nvme`. */
  readonly path: string;
  /** Size of the file system; the file behind it is sparse. At least 16. */
  readonly sizeMiB: number;
}

export interface LabNodeOptions {
  /** A Kubernetes node name: lower case letters, digits and dashes. */
  readonly name: string;
  readonly disks: readonly LabDisk[];
  /** Labels the kubelet registers with; the domains kubernetes.io and k8s.io are the system's. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface LabOptions {
  /** Names the lab's control groups; two labs on one machine need two names. */
  readonly name: string;
  readonly nodes: readonly LabNodeOptions[];
  /** Port of the API server on 127.0.0.1. Default: 16443, or the next free one. */
  readonly apiPort?: number;
  /** Notice a lost node after about 13 s instead of Kubernetes' 50 s. Default: false. */
  readonly fastNodeLoss?: boolean;
}

/**
 * Host part of a node's address is 10 + its number, and its pod range carries the number: one digit
 * is plenty.
 */
const nodeCountMax = 9;
const diskSizeMiBMin = 16;
const diskSizeMiBMax = 1024 * 1024;

const nodeName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Characters that mount(8) and overlayfs options take as they are. */
const plainPath = /^\/[A-Za-z0-9._@/-]+$/;
const labelKey = /^(?:([a-z0-9.-]+)\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
/** Mounting over one of these, or above or below the last group, would take the node apart. */
const systemFolders = [
  '/',
  '/etc',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/var',
  '/var/lib',
  '/home',
  '/opt',
];
const forbiddenTrees = [
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/tmp',
  '/var/lib/kubelet',
  '/var/lib/containerd',
];

/** Throws one `LabFault` that lists every problem. */
export function checkLabOptions(options: LabOptions): void {
  const problems = [...labProblems(options), ...options.nodes.flatMap(nodeProblems)];
  if (problems.length === 0) return;
  throw new LabFault(
    `The lab cannot be built as asked:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    'correct the points above; nothing was started',
  );
}

/** Whether a lab built from one can serve as the other; the port is no part of what is built. */
export function sameLab(left: LabOptions, right: LabOptions): boolean {
  const essence = (options: LabOptions) =>
    JSON.stringify({
      name: options.name,
      fastNodeLoss: options.fastNodeLoss ?? false,
      nodes: options.nodes.map((node) => [
        node.name,
        node.disks.map((disk) => [disk.path, disk.sizeMiB]),
        Object.entries(node.labels ?? {}).toSorted(([a], [b]) => a.localeCompare(b)),
      ]),
    });
  return essence(left) === essence(right);
}

function labProblems(options: LabOptions): string[] {
  const problems: string[] = [];
  if (!labNamePattern.test(options.name))
    problems.push(
      `name ${JSON.stringify(options.name)}: expected up to 20 lower case letters, digits and dashes, first a letter`,
    );
  if (options.nodes.length < 1 || options.nodes.length > nodeCountMax)
    problems.push(`nodes: found ${options.nodes.length}, expected 1 to ${nodeCountMax}`);
  const names = options.nodes.map((node) => node.name);
  for (const name of new Set(names))
    if (names.filter((other) => other === name).length > 1)
      problems.push(`nodes: ${name} is there more than once, expected names that differ`);
  const port = options.apiPort;
  if (port !== undefined && !(Number.isInteger(port) && port >= 1024 && port <= 65_535))
    problems.push(`apiPort ${port}: expected a whole number from 1024 to 65535`);
  return problems;
}

function nodeProblems(node: LabNodeOptions): string[] {
  const problems: string[] = [];
  if (!nodeName.test(node.name))
    problems.push(
      `nodes[].name ${JSON.stringify(node.name)}: expected lower case letters, digits and dashes, at most 63`,
    );
  for (const disk of node.disks) problems.push(...diskProblems(node, disk));
  for (const [key, value] of Object.entries(node.labels ?? {})) {
    const match = labelKey.exec(key);
    if (match === null || !labelValue.test(value))
      problems.push(`${node.name}.labels: ${key}=${value} is not a Kubernetes label`);
    else if (/(?:^|\.)(?:kubernetes|k8s)\.io$/.test(match[1] ?? '') && !key.startsWith('topology.'))
      problems.push(
        `${node.name}.labels: ${key} is the system's, a kubelet may not set it; use a domain of your own`,
      );
  }
  return problems;
}

function diskProblems(node: LabNodeOptions, disk: LabDisk): string[] {
  const where = `${node.name}.disks: ${disk.path}`;
  const problems: string[] = [];
  if (!plainPath.test(disk.path) || path.posix.resolve(disk.path) !== disk.path)
    problems.push(
      `${where}: expected an absolute path without "..", spaces, commas or a slash at its end`,
    );
  else if (
    systemFolders.includes(disk.path) ||
    forbiddenTrees.some((tree) => isWithin(disk.path, tree) || isWithin(tree, disk.path))
  )
    problems.push(`${where} is a folder of the system, expected one such as /mnt/nvme`);
  for (const other of node.disks)
    if (other !== disk && isWithin(disk.path, other.path))
      problems.push(`${where} lies in the disk ${other.path}, expected disks side by side`);
  const size = disk.sizeMiB;
  if (!(Number.isInteger(size) && size >= diskSizeMiBMin && size <= diskSizeMiBMax))
    problems.push(
      `${where}: size ${size} MiB, expected a whole number from ${diskSizeMiBMin} to ${diskSizeMiBMax}`,
    );
  return problems;
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}
