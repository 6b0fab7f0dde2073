/**
 * One node of the lab: a tree of processes with namespaces of its own, and the faults that can
 * happen to it. Killing its first process ends kubelet, containerd and every pod at once and takes
 * mounts and network along: an exact power cut. What is on its disks stays; switching it on again
 * is a reboot.
 *
 * The page cache belongs to the machine below and lives on: writes that were not synced survive a
 * power cut here, as they would not on a real node.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { CoreV1Api } from '@kubernetes/client-node';
import { LabFault } from '../base/fault.ts';
import { type RunResult, run } from '../base/run.ts';
import { ensureDiskImage } from './disk-image.ts';
import { setCable } from './network.ts';
import {
  diskOf,
  firstProcess,
  identityOf,
  imageOf,
  networkHolder,
  nodeFolder,
  type NodeSite,
  powerOn,
  switchOff,
} from './node-power.ts';
import { isAlive } from './processes.ts';
import type { DiskState } from './record.ts';
import { waitFor } from './wait.ts';

/** How a disk is lost. */
export type DiskLoss =
  /** The device fails: every access to what is mounted gives EIO; unsynced writes are lost. */
  | 'errors'
  /** As above, and the mount is gone too: the path is an empty folder of the system disk. */
  | 'unmounted';

const readyTimeoutMs = 90_000;
const fillerName = '.larder-lab-filler';
/**
 * FS_IOC_SHUTDOWN of linux/fs.h with "no log flush": what is not on the disk yet never gets there.
 */
const shutdownProgram =
  'open(my $f, "<", $ARGV[0]) or die "$!\\n"; my $how = pack("L", 2); ' +
  'ioctl($f, 0x8004587d, $how) or die "$!\\n";';

export class LabNode {
  readonly name: string;
  readonly #site: NodeSite;
  readonly #api: CoreV1Api;

  constructor(name: string, site: NodeSite, api: CoreV1Api) {
    site.record.node(name); // a LabFault for an unknown name, now and not at the first fault
    this.name = name;
    this.#site = site;
    this.#api = api;
  }

  /** Folder on the machine with the node's disks, logs (`log/`) and configuration. */
  get folder(): string {
    return nodeFolder(this.#site.stateFolder, this.name);
  }

  get isOn(): boolean {
    return isAlive(firstProcess(this.#site.record.current, this.name));
  }

  /** Resolves when every process of the node is gone. No cable, no disk, no pod outlives it. */
  async cutPower(): Promise<void> {
    await switchOff(this.#site, this.name);
  }

  /**
   * Switches the node on, off before that if it runs. Resolves when the API server has it Ready in
   * its new life; its pods follow by themselves. Plugs the cable in.
   */
  async restart(): Promise<void> {
    await switchOff(this.#site, this.name);
    await powerOn(this.#site, this.name);
    await this.waitUntilReady();
  }

  /** Until the API server reports this life of the node, by its boot id, as Ready. */
  async waitUntilReady(timeoutMs = readyTimeoutMs, signal?: AbortSignal): Promise<void> {
    const { bootId } = this.#site.record.node(this.name);
    await waitFor(
      `node ${this.name} to be Ready`,
      async () => {
        if (!this.isOn)
          throw new LabFault(`The node ${this.name} is off.`, nodeLogHint(this.folder));
        const { status } = await this.#api.readNode({ name: this.name });
        if (status?.nodeInfo?.bootID !== bootId)
          throw new Error('it has not reported its boot yet');
        const ready = status.conditions?.find(({ type }) => type === 'Ready');
        if (ready?.status !== 'True') throw new Error(ready?.message ?? 'no condition yet');
        return true;
      },
      timeoutMs,
      { hint: nodeLogHint(this.folder), ...(signal === undefined ? {} : { signal }) },
    );
  }

  /** Pulls the network cable: the node and its pods go on, nobody hears of it. */
  async disconnect(): Promise<void> {
    await setCable(networkHolder(this.#site.record.current), this.#number, 'down');
  }

  async reconnect(): Promise<void> {
    await setCable(networkHolder(this.#site.record.current), this.#number, 'up');
  }

  /** Fills a disk to its last block with one file; `freeDisk` removes it. */
  async fillDisk(diskPath: string): Promise<void> {
    this.#disk(diskPath);
    const filler = path.posix.join(diskPath, fillerName);
    // fallocate takes what is free in one step; the rest, which metadata kept it from, goes byte by
    // byte.
    const script =
      'free=$(($(stat -f -c "%a*%S" "$1"))); [ "$free" -eq 0 ] || fallocate -l "$free" "$2" || :; ' +
      'dd if=/dev/zero bs=4096 of="$2.rest" 2>/dev/null || :; sync -f "$1"; ' +
      '! printf x > "$2.probe" 2>/dev/null || [ ! -s "$2.probe" ]';
    await this.#must(
      ['sh', '-c', script, 'fill', diskPath, filler],
      `${diskPath} cannot be filled`,
    );
  }

  async freeDisk(diskPath: string): Promise<void> {
    this.#disk(diskPath);
    const filler = path.posix.join(diskPath, fillerName);
    await this.#must(
      ['rm', '-f', filler, `${filler}.rest`, `${filler}.probe`],
      `${diskPath} cannot be freed`,
    );
  }

  /** The disk is gone, at once and for the node's next lives too, until `attachDisk`. */
  async detachDisk(diskPath: string, loss: DiskLoss = 'errors'): Promise<void> {
    this.#disk(diskPath);
    this.#remember(diskPath, { present: 'none' });
    if (!this.isOn) return;
    const { stdout: device } = await this.#must(
      ['findmnt', '--noheadings', '--first-only', '--output', 'SOURCE', diskPath],
      `${diskPath} is not mounted`,
    );
    await this.#must(
      ['perl', '-e', shutdownProgram, diskPath],
      `the file system on ${diskPath} cannot be shut down (this needs perl)`,
    );
    // What the journal had committed belongs on the disk; nothing may follow later, when it is
    // mounted anew.
    await this.#must(['blockdev', '--flushbufs', device.trim()], `${device} does not let go`);
    if (loss === 'unmounted') await this.#unmount(diskPath);
  }

  /**
   * Puts a disk in: the node's own, or an empty one in its place (its own is kept for later). Pods
   * that had the old one open keep its errors until they are restarted.
   */
  async attachDisk(diskPath: string, which: 'own' | 'empty' = 'own'): Promise<void> {
    const disk = this.#disk(diskPath);
    if (this.#site.record.node(this.name).disks[diskPath]?.present !== 'none')
      throw new LabFault(
        `There is a disk at ${diskPath} of node ${this.name} already.`,
        'call detachDisk first',
      );
    const image = path.join(this.folder, imageOf(disk.index, which));
    if (which === 'empty') rmSync(image, { force: true }); // one that was used before is not empty
    await ensureDiskImage(image, disk.sizeMiB);
    this.#remember(diskPath, { present: which });
    if (!this.isOn) return;
    await this.#unmount(diskPath);
    // Never through a loop device that still serves the failed mount: a new one, released with its
    // mount.
    const script =
      'device=$(losetup --find --show "$1") && ' +
      '{ mount -t ext4 "$device" "$2"; code=$?; losetup --detach "$device"; exit $code; }';
    await this.#must(
      ['sh', '-c', script, 'attach', image, diskPath],
      `${diskPath} cannot be mounted`,
    );
  }

  /**
   * Runs a program inside the node, as root; any exit code is returned.
   *
   * @param onLine gets its output line by line while it runs
   */
  async exec(command: readonly string[], onLine?: (line: string) => void): Promise<RunResult> {
    const first = firstProcess(this.#site.record.current, this.name);
    if (first === undefined || !isAlive(first))
      throw new LabFault(`The node ${this.name} is off.`, 'restart it first');
    const target = ['--target', String(first.pid), '--mount', '--net', '--uts', '--ipc', '--pid'];
    const bin = path.join(this.#site.stateFolder, 'bin');
    return run('nsenter', [...target, '--', ...command], {
      allow: Array.from({ length: 256 }, (_, code) => code),
      ...(onLine === undefined ? {} : { onLine }),
      env: { ...process.env, PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` },
    });
  }

  get #number(): number {
    return identityOf(this.#site.record.current, this.name).number;
  }

  #disk(diskPath: string): { readonly index: number; readonly sizeMiB: number } {
    return diskOf(this.#site.record.current, this.name, diskPath);
  }

  #remember(diskPath: string, state: DiskState): void {
    this.#site.record.updateNode(this.name, (node) => {
      node.disks[diskPath] = state;
    });
  }

  /** Every mount at the path, however many were put over each other. */
  async #unmount(diskPath: string): Promise<void> {
    const script = 'while mountpoint -q "$1"; do umount -l "$1" || exit 1; done';
    await this.#must(['sh', '-c', script, 'unmount', diskPath], `${diskPath} cannot be unmounted`);
  }

  async #must(command: readonly string[], problem: string): Promise<RunResult> {
    const result = await this.exec(command);
    if (result.code === 0) return result;
    throw new LabFault(
      `On node ${this.name} ${problem}: ${result.stderr || result.stdout || `code ${result.code}`}`,
      `look into the node with nsenter, and at ${path.join(this.folder, 'log')}`,
    );
  }
}

function nodeLogHint(folder: string): string {
  return `read the logs in ${path.join(folder, 'log')}: init.log first, then containerd.log and kubelet.log`;
}
