/**
 * What a lab could leave behind on a machine, as text that can be compared: mounts, network,
 * control groups, loop devices, device nodes, kernel settings, processes, folders. Read before and
 * after.
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../lab/base/run.ts';

export type MachineSnapshot = Readonly<Record<string, readonly string[]>>;

/** Folders in which Kubernetes on a real node lives: a lab must not make them. */
const suspects = [
  '/etc/cni',
  '/etc/kubernetes',
  '/etc/containerd/lab.toml',
  '/mnt',
  '/opt/cni',
  '/opt/containerd',
  '/run/containerd',
  '/run/netns',
  '/run/lab',
  '/run/machine',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
  '/var/log/containers',
  '/var/log/pods',
];
/** Settings that count or that the kernel moves by itself. */
const moving =
  /^(?:fs\.(?:dentry-state|file-nr|inode-nr|inode-state|quota\.|aio-nr|nr_open)|kernel\.(?:random\.|ns_last_pid|pty\.nr|keys\.)|net\.netfilter\.nf_conntrack_(?:count|buckets)|debug\.)/;

/** `marker` finds the lab's processes: part of their command line or environment. */
export async function machineSnapshot(marker: string): Promise<MachineSnapshot> {
  const lines = async (program: string, ...args: string[]) =>
    (await run(program, args, { allow: [1] })).stdout.split('\n').filter((line) => line !== '');
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n'),
    links: (await lines('ip', '-o', 'link')).map(withoutCounters),
    addresses: (await lines('ip', '-o', 'address')).map(withoutCounters),
    routes: await lines('ip', 'route', 'show', 'table', 'all'),
    rules: await lines('ip', 'rule'),
    nftables: await lines('nft', 'list', 'ruleset'),
    cgroups: globSync('/sys/fs/cgroup/{*,*/*}/').filter((folder) => folder.includes(marker)),
    loops: (await lines('losetup', '--noheadings', '--output', 'NAME,BACK-FILE', '--list')).filter(
      (line) => line.includes(marker) && !servesAnotherLab(line),
    ),
    devices: readdirSync('/dev').filter((name) => !/^loop\d+$/.test(name)),
    loopNodes: readdirSync('/dev').filter((name) => /^loop\d+$/.test(name)),
    sysctls: sysctls('/proc/sys'),
    processes: labProcesses(marker),
    folders: suspects.flatMap((folder) => (existsSync(folder) ? tree(folder) : [])),
  };
}

/** Differences as lines to read; empty when the machine is as it was. */
export function differences(before: MachineSnapshot, after: MachineSnapshot): string[] {
  return Object.keys(before).flatMap((part) => {
    const was = new Set(before[part]);
    const is = new Set(after[part]);
    // Another program may have come or gone with a loop device: one that is left over serves
    // nobody.
    if (part === 'loopNodes')
      return [...is]
        .filter((name) => !was.has(name) && !isBound(name))
        .map((name) => `left: ${name}`);
    return [
      ...[...was].filter((line) => !is.has(line)).map((line) => `${part}: gone: ${line}`),
      ...[...is].filter((line) => !was.has(line)).map((line) => `${part}: new: ${line}`),
    ];
  });
}

/**
 * The kernel gives labs of one image store one loop device, named after the lab that came first.
 * Whether processes of ours are left to hold it is another line of the snapshot.
 */
function servesAnotherLab(line: string): boolean {
  const [device] = line.split(/\s+/);
  if (!line.includes('/store.img')) return false;
  return globSync('/proc/[0-9]*/mountinfo').some((file) => {
    try {
      return readFileSync(file, 'utf8').includes(` ${device} `);
    } catch {
      return false; // it has ended
    }
  });
}

function isBound(device: string): boolean {
  return existsSync(`/sys/block/${device}/loop/backing_file`);
}

/** Two levels are enough to see that something was put there. */
function tree(folder: string): string[] {
  const inside = readdirSync(folder, { withFileTypes: true });
  return [folder, ...inside.map((entry) => path.join(folder, entry.name))];
}

function withoutCounters(line: string): string {
  return line.replace(/^\d+: /, '').replace(/valid_lft \S+ preferred_lft \S+/, '');
}

function sysctls(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const name = path.relative(folder, file).replaceAll('/', '.');
      if (moving.test(name)) return [];
      try {
        return [`${name} = ${readFileSync(file, 'utf8').trim()}`];
      } catch {
        return []; // write-only, or refuses to be read
      }
    });
}

function labProcesses(marker: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const text = ['cmdline', 'environ'].map((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8'),
      );
      const ours = text.some((part) => new RegExp(`/${marker}[/\\0]`).test(part));
      return ours ? [`${pid} ${text[0]?.replaceAll('\0', ' ')}`] : [];
    } catch {
      return []; // it has ended
    }
  });
}
