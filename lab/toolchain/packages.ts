/**
 * Programs that come from the distribution. They are named first, then installed with apt-get when
 * this is Debian or Ubuntu, we are root and `LARDER_NO_INSTALL` is not set; elsewhere the message
 * says what to install and how. Whether a program is there decides, not who installed it.
 */
import { readFile } from 'node:fs/promises';
import { LabFault } from '../base/fault.ts';
import { run } from '../base/run.ts';
import { environmentOf, type ToolContext } from './tool.ts';
import { which } from './which.ts';

/** What does not work without the packages of the group. */
type PackageGroup = 'lab' | 'test' | 'guest' | 'bench' | 'go';

export interface Package {
  readonly debian: string;
  /** The program that shows that it is there. */
  readonly program: string;
  readonly group: PackageGroup;
  /** Ends the sentence "needed for …". */
  readonly neededFor: string;
  /** Names elsewhere; undefined where it is not packaged or the name is not known. */
  readonly dnf?: string;
  readonly pacman?: string;
  readonly apk?: string;
}

export const packages: readonly Package[] = [
  // The lab itself.
  {
    debian: 'runc',
    program: 'runc',
    group: 'lab',
    neededFor: 'running containers',
    dnf: 'runc',
    pacman: 'runc',
    apk: 'runc',
  },
  {
    debian: 'nftables',
    program: 'nft',
    group: 'lab',
    neededFor: 'services (kube-proxy)',
    dnf: 'nftables',
    pacman: 'nftables',
    apk: 'nftables',
  },
  {
    debian: 'conntrack',
    program: 'conntrack',
    group: 'lab',
    neededFor: 'services (kube-proxy)',
    dnf: 'conntrack-tools',
    pacman: 'conntrack-tools',
    apk: 'conntrack-tools',
  },
  {
    debian: 'iproute2',
    program: 'ip',
    group: 'lab',
    neededFor: "the lab's network",
    dnf: 'iproute',
    pacman: 'iproute2',
    apk: 'iproute2',
  },
  {
    debian: 'util-linux',
    program: 'nsenter',
    group: 'lab',
    neededFor: "the nodes' namespaces and disks",
    dnf: 'util-linux',
    pacman: 'util-linux',
    apk: 'util-linux',
  },
  {
    debian: 'mount',
    program: 'losetup',
    group: 'lab',
    neededFor: "the nodes' disks",
    dnf: 'util-linux',
    pacman: 'util-linux',
    apk: 'losetup',
  },
  {
    debian: 'e2fsprogs',
    program: 'mkfs.ext4',
    group: 'lab',
    neededFor: "the nodes' disks",
    dnf: 'e2fsprogs',
    pacman: 'e2fsprogs',
    apk: 'e2fsprogs',
  },
  {
    debian: 'mmdebstrap',
    program: 'mmdebstrap',
    group: 'lab',
    neededFor: "the lab's container images",
    dnf: 'mmdebstrap',
    pacman: 'mmdebstrap',
  },
  // Tests of the data plane.
  {
    debian: 'restic',
    program: 'restic',
    group: 'test',
    neededFor: 'tests of backups',
    dnf: 'restic',
    pacman: 'restic',
    apk: 'restic',
  },
  {
    debian: 'busybox',
    program: 'busybox',
    group: 'test',
    neededFor: 'tests of the scripts in the shell that pods have',
    dnf: 'busybox',
    pacman: 'busybox',
    apk: 'busybox',
  },
  {
    debian: 'xfsprogs',
    program: 'mkfs.xfs',
    group: 'test',
    neededFor: 'tests of volumes with xfs',
    dnf: 'xfsprogs',
    pacman: 'xfsprogs',
    apk: 'xfsprogs',
  },
  {
    debian: 'fuse3',
    program: 'fusermount3',
    group: 'test',
    neededFor: 'tests that mount volumes',
    dnf: 'fuse3',
    pacman: 'fuse3',
    apk: 'fuse3',
  },
  {
    debian: 'nbdkit',
    program: 'nbdkit',
    group: 'test',
    neededFor: 'tests of the NBD protocol',
    dnf: 'nbdkit',
    pacman: 'nbdkit',
    apk: 'nbdkit',
  },
  {
    debian: 'libnbd-bin',
    program: 'nbdinfo',
    group: 'test',
    neededFor: 'tests of the NBD protocol (nbdinfo, nbdcopy, nbdfuse)',
    dnf: 'libnbd nbdfuse',
    pacman: 'libnbd',
    apk: 'libnbd',
  },
  {
    debian: 'qemu-utils',
    program: 'qemu-img',
    group: 'test',
    neededFor: 'tests of the NBD protocol (qemu-img, qemu-io)',
    dnf: 'qemu-img',
    pacman: 'qemu-img',
    apk: 'qemu-img',
  },
  {
    debian: 'fio',
    program: 'fio',
    group: 'bench',
    neededFor: 'benchmarks',
    dnf: 'fio',
    pacman: 'fio',
    apk: 'fio',
  },
  // Only for the tests in a virtual machine (`LARDER_GUEST=1`).
  {
    debian: 'qemu-system-x86',
    program: 'qemu-system-x86_64',
    group: 'guest',
    neededFor: "tests of the kernel's NBD client in a virtual machine",
    dnf: 'qemu-system-x86-core',
    pacman: 'qemu-system-x86',
    apk: 'qemu-system-x86_64',
  },
  {
    debian: 'qemu-system-common',
    program: 'qemu-storage-daemon',
    group: 'bench',
    neededFor: 'benchmarks (two copies by other means)',
    pacman: 'qemu-storage-daemon',
  },
  // Only where no other Go is found.
  {
    debian: 'golang-go',
    program: 'go',
    group: 'go',
    neededFor: 'building Kubernetes and other tools',
    dnf: 'golang',
    pacman: 'go',
    apk: 'go',
  },
];

/** What decides how packages may be had. */
export interface PackageHost {
  /** `ID` and `ID_LIKE` of /etc/os-release. */
  readonly distributions: readonly string[];
  readonly isRoot: boolean;
  /** `LARDER_NO_INSTALL=1`. */
  readonly noInstall: boolean;
  readonly isPresent: (program: string) => boolean;
}

export type PackagePlan =
  | { readonly kind: 'complete' }
  | { readonly kind: 'install'; readonly missing: readonly Package[] }
  | {
      readonly kind: 'tell';
      readonly missing: readonly Package[];
      readonly reason: string;
      /** The command a person runs. */
      readonly command: string;
    };

/** Decides without touching the machine. */
export function planPackages(wanted: readonly Package[], host: PackageHost): PackagePlan {
  const missing = wanted.filter((candidate) => !host.isPresent(candidate.program));
  if (missing.length === 0) return { kind: 'complete' };
  const isDebian = host.distributions.some((id) => id === 'debian' || id === 'ubuntu');
  const command = installCommand(missing, host);
  if (!isDebian) {
    const reason = 'only Debian and Ubuntu packages are installed by this program';
    return { kind: 'tell', missing, reason, command };
  }
  if (host.noInstall) return { kind: 'tell', missing, reason: 'LARDER_NO_INSTALL is set', command };
  if (!host.isRoot) {
    return { kind: 'tell', missing, reason: 'installing packages needs root', command };
  }
  return { kind: 'install', missing };
}

/** The command for this distribution, or a list of the Debian names where it is not known. */
export function installCommand(
  missing: readonly Package[],
  host: Pick<PackageHost, 'distributions' | 'isRoot'>,
): string {
  const sudo = host.isRoot ? '' : 'sudo ';
  for (const [manager, command, ids] of managers) {
    if (!ids.some((id) => host.distributions.includes(id))) continue;
    const known = missing.flatMap((wanted) => wanted[manager] ?? []);
    const unknown = missing.filter((wanted) => wanted[manager] === undefined);
    const rest = unknown.map((wanted) => wanted.debian).join(' ');
    return [
      ...(known.length > 0 ? [`${sudo}${command} ${known.join(' ')}`] : []),
      ...(rest === '' ? [] : [`install what Debian calls ${rest}`]),
    ].join(', and ');
  }
  const names = missing.map((wanted) => wanted.debian).join(' ');
  return `install, with your distribution's package manager, what Debian calls ${names}`;
}

const managers = [
  ['debian', 'apt-get install', ['debian', 'ubuntu']],
  ['dnf', 'dnf install', ['fedora', 'rhel']],
  ['pacman', 'pacman -S', ['arch']],
  ['apk', 'apk add', ['alpine']],
] as const;

/**
 * Makes sure that the packages of these groups are there; throws a `LabFault` that says how if not.
 */
export async function ensurePackages(
  groups: readonly PackageGroup[],
  context: ToolContext,
): Promise<void> {
  await installPackages(
    packages.filter((candidate) => groups.includes(candidate.group)),
    context,
  );
}

/**
 * The same for packages chosen one by one; `onHost` is this machine unless a test says otherwise.
 */
export async function installPackages(
  wanted: readonly Package[],
  context: ToolContext,
  onHost?: PackageHost,
): Promise<void> {
  const host = onHost ?? (await packageHost(environmentOf(context)));
  const plan = planPackages(wanted, host);
  switch (plan.kind) {
    case 'complete':
      return;
    case 'tell':
      throw new LabFault(
        `These programs are missing:\n${describe(plan.missing)}`,
        `${plan.command}\n  (${plan.reason})`,
      );
    case 'install':
      context.progress.say(`Missing on this machine:\n${describe(plan.missing)}`);
      await aptInstall(plan.missing, context);
      return reportStillMissing(plan.missing, host);
  }
}

function describe(missing: readonly Package[]): string {
  return missing
    .map((wanted) => `  ${wanted.debian} (${wanted.program}): ${wanted.neededFor}`)
    .join('\n');
}

function reportStillMissing(installed: readonly Package[], host: PackageHost): void {
  const missing = installed.filter((wanted) => !host.isPresent(wanted.program));
  if (missing.length === 0) return;
  throw new LabFault(
    `apt-get succeeded, yet these programs are still not found:\n${describe(missing)}`,
    'check that /usr/sbin and /usr/bin are what the packages installed into, then run it again',
  );
}

async function aptInstall(missing: readonly Package[], context: ToolContext): Promise<void> {
  const names = missing.map((wanted) => wanted.debian);
  const title = 'Installing from the distribution';
  await context.progress.step(title, async (step) => {
    step.note(names.join(' '));
    const args = ['install', '--yes', '--no-install-recommends', ...names];
    const first = await aptGet(args, context, [0, 100]);
    if (first.code === 0) return;
    step.note('refreshing the package lists');
    await aptGet(['update'], context, [0]);
    step.note(names.join(' '));
    await aptGet(args, context, [0]);
  });
}

async function aptGet(args: readonly string[], context: ToolContext, allow: readonly number[]) {
  return run('apt-get', ['-o', `DPkg::Lock::Timeout=${aptLockSeconds}`, '-q', ...args], {
    env: { ...environmentOf(context), DEBIAN_FRONTEND: 'noninteractive' },
    signal: context.signal,
    allow,
    hint:
      'read the lines above; when the package servers cannot be reached, check the network; ' +
      'to install by hand and keep this program from trying, set LARDER_NO_INSTALL=1',
  });
}

const aptLockSeconds = 300;

/** Reads what this machine is. */
export async function packageHost(env: NodeJS.ProcessEnv): Promise<PackageHost> {
  return {
    distributions: distributionsOf(await readFile('/etc/os-release', 'utf8').catch(() => '')),
    isRoot: process.getuid?.() === 0,
    noInstall: env['LARDER_NO_INSTALL'] === '1',
    isPresent: (program) => which(program, env) !== undefined,
  };
}

export function distributionsOf(osRelease: string): readonly string[] {
  const values: string[] = [];
  for (const match of osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)) {
    values.push(...(match[1] ?? '').replaceAll(/["']/g, '').split(/\s+/));
  }
  return values.filter((value) => value !== '');
}
