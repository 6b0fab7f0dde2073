/**
 * Whether this machine can carry a lab, asked before anything is made. All problems in one message.
 */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../base/fault.ts';
import type { ToolName } from '../toolchain/catalogue.ts';
import type { ToolSet } from '../toolchain/toolchain.ts';
import { Cgroups } from './cgroups.ts';
import { cniPlugins } from './node-files.ts';

/** What `ensureTools` must be asked for before `Lab.start`. */
export const labToolNames: readonly ToolName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'coredns',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'runc',
  ...cniPlugins,
];

/** Programs of the distribution, and the package that brings each on Debian and Ubuntu. */
const systemPrograms: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  losetup: 'mount',
  pivot_root: 'util-linux',
  findmnt: 'util-linux',
  'mkfs.ext4': 'e2fsprogs',
  ip: 'iproute2',
  nft: 'nftables',
  conntrack: 'conntrack',
};

/** Throws when not root, with the ways that need no root. */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LabFault(
    'The lab needs root: its nodes are made of namespaces, mounts, loop devices and control groups.',
    'run it as root (sudo npm start); or without root: KUBECONFIG=<file> npm start uses a cluster ' +
      'you have, npm run preview shows what would be made and needs no cluster',
  );
}

/** Throws when not root, or when a program, a device or a controller is missing. */
export function checkMachine(labName: string, tools: ToolSet): void {
  requireRoot();
  const problems: string[] = [];
  const missing = Object.keys(systemPrograms).filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => systemPrograms[name]))].join(' ');
    problems.push(`programs missing: ${missing.join(', ')} (packages of Debian: ${packages})`);
  }
  const toolsMissing = labToolNames.filter((name) => tools.get(name) === undefined);
  if (toolsMissing.length > 0) problems.push(`tools not prepared: ${toolsMissing.join(', ')}`);
  if (!existsSync('/dev/loop-control'))
    problems.push('no loop devices (/dev/loop-control): run modprobe loop');
  if (!existsSync('/proc/self/ns/net') || !existsSync('/proc/self/ns/pid'))
    problems.push('the kernel has no network or pid namespaces (CONFIG_NET_NS, CONFIG_PID_NS)');
  if (problems.length > 0)
    throw new LabFault(
      `This machine cannot carry the lab yet:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
      'npm run doctor shows everything the lab needs and how to get it',
    );
  new Cgroups(labName).check();
}

/** Overlay and bind mounts take these paths as they are, the shell reads them line by line. */
export function checkStateFolder(folder: string): void {
  if (/^\/[A-Za-z0-9._@/-]+$/.test(folder)) return;
  throw new LabFault(
    `The lab's state folder ${JSON.stringify(folder)} has characters that mount options cannot carry.`,
    'set XDG_STATE_HOME to a folder of letters, digits, ".", "_", "@" and "-"',
  );
}

/** Numbers of the loop devices that exist now. */
export function loopDeviceNumbers(): number[] {
  return readdirSync('/sys/block')
    .map((name) => /^loop(\d+)$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .toSorted((left, right) => left - right);
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
