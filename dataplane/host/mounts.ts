/** Mounts and file systems of this machine, by the kernel's own tables and the usual programs. */
import { lstat, mkdir, open, readFile, rmdir, stat, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isZero } from '../base/bytes.ts';
import { Fault } from '../base/fault.ts';
import type { Found, Mounted, Mounts, SpaceUse } from '../ports/mounts.ts';
import { mustRun, runProgram } from './programs.ts';

const mebibyte = 2 ** 20;
/** A file system that is in use a moment longer than its pod. */
const busyMs = 5_000;
const busyLookMs = 200;

type ErrorCode = { readonly code?: string };

export class HostMounts implements Mounts {
  async at(wanted: string): Promise<Mounted | undefined> {
    return (await mountTable()).findLast((mount) => mount.path === wanted);
  }

  async pathsOf(device: string): Promise<readonly string[]> {
    return (await mountTable())
      .filter((mount) => mount.device === device)
      .map((mount) => mount.path);
  }

  async kindOf(wanted: string): Promise<'nothing' | 'folder' | 'file' | 'other' | 'broken'> {
    try {
      const found = await lstat(wanted);
      if (found.isDirectory()) return 'folder';
      return found.isFile() ? 'file' : 'other';
    } catch (error) {
      return (error as ErrorCode).code === 'ENOENT' ? 'nothing' : 'broken';
    }
  }

  async deviceOf(file: string): Promise<string> {
    return deviceNumber((await stat(file)).rdev);
  }

  async makeFolder(wanted: string): Promise<void> {
    await mkdir(wanted, { recursive: true, mode: 0o750 });
  }

  async makeFile(wanted: string): Promise<void> {
    await mkdir(path.dirname(wanted), { recursive: true, mode: 0o750 });
    const handle = await open(wanted, 'a', 0o640);
    await handle.close();
  }

  async removeEmpty(wanted: string): Promise<void> {
    const kind = await this.kindOf(wanted);
    if (kind === 'nothing') return;
    if (kind === 'folder') await rmdir(wanted);
    else if (kind === 'file' && (await stat(wanted)).size === 0) await unlink(wanted);
    else throw new Fault('disk.failed', `${wanted} is not empty; it was left alone.`);
  }

  async mount(
    device: string,
    at: string,
    type: 'ext4' | 'xfs',
    options: readonly string[],
  ): Promise<void> {
    const flags = options.length === 0 ? [] : ['-o', options.join(',')];
    await mustRun('mount', ['-t', type, ...flags, device, at]);
  }

  async bind(from: string, to: string, readOnly: boolean): Promise<void> {
    await mustRun('mount', ['--bind', from, to]);
    if (!readOnly) return;
    try {
      await mustRun('mount', ['-o', 'remount,bind,ro', to]);
    } catch (error) {
      // Nobody may see it writable.
      await this.unmount(to);
      throw error;
    }
  }

  async unmount(wanted: string): Promise<void> {
    const endMs = performance.now() + busyMs;
    while ((await this.at(wanted)) !== undefined) {
      const broken = (await this.kindOf(wanted)) === 'broken';
      const args = broken ? ['--lazy', wanted] : [wanted];
      const { code, stderr } = await runProgram('umount', args);
      if (code === 0) continue;
      if ((await this.at(wanted)) === undefined) return;
      if (performance.now() >= endMs) {
        throw new Fault('disk.failed', `${wanted} cannot be unmounted: ${stderr.trim()}`, {
          hint: `See who uses it with fuser -vm ${wanted}.`,
        });
      }
      await delay(busyLookMs);
    }
  }

  async look(device: string): Promise<Found> {
    const handle = await open(device, 'r');
    try {
      const first = Buffer.alloc(mebibyte);
      const { bytesRead } = await handle.read(first, 0, mebibyte, 0);
      const last = Buffer.alloc(mebibyte);
      const size = Number(await mustRun('blockdev', ['--getsize64', device]));
      await handle.read(last, 0, mebibyte, Math.max(0, size - mebibyte));
      if (bytesRead > 0 && isZero(first) && isZero(last)) return { kind: 'zero' };
    } finally {
      await handle.close();
    }
    const { code, stdout } = await runProgram('blkid', [
      '--probe',
      '-s',
      'TYPE',
      '-o',
      'value',
      device,
    ]);
    const type = stdout.trim();
    return code === 0 && type !== '' ? { kind: 'file-system', type } : { kind: 'unknown' };
  }

  async format(device: string, type: 'ext4' | 'xfs'): Promise<void> {
    // A new volume reads as zeroes everywhere: there is nothing to discard.
    if (type === 'ext4')
      await mustRun('mkfs.ext4', ['-F', '-q', '-m', '0', '-E', 'nodiscard', device]);
    else await mustRun('mkfs.xfs', ['-f', '-q', '-K', device]);
  }

  async check(device: string, type: 'ext4' | 'xfs'): Promise<void> {
    // xfs mends itself from its log when it is mounted. Code 1: errors were corrected.
    if (type === 'ext4') await mustRun('e2fsck', ['-p', device], [0, 1]);
  }

  async grow(device: string, type: 'ext4' | 'xfs', mountedAt?: string): Promise<void> {
    if (type === 'xfs') {
      if (mountedAt !== undefined) await mustRun('xfs_growfs', [mountedAt]);
      return;
    }
    if (mountedAt === undefined) {
      if (!(await hasRoomBehind(device))) return;
      // Demanded before a file system grows that was mounted since it was last looked at.
      await mustRun('e2fsck', ['-f', '-p', device], [0, 1]);
    }
    const { code, stderr } = await runProgram('resize2fs', [device]);
    if (code === 0) return;
    throw new Fault(
      'disk.failed',
      `resize2fs ${device} ended with code ${code}: ${stderr.trim()}`,
      {
        hint: 'A mounted ext4 grows for processes with CAP_SYS_RESOURCE only. It also grows when it is next mounted: end the pods that use it and start them again.',
        retriable: true,
      },
    );
  }

  async spaceOf(wanted: string): Promise<SpaceUse> {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(wanted);
    return {
      totalBytes: blocks * bsize,
      usedBytes: (blocks - bfree) * bsize,
      availableBytes: bavail * bsize,
      totalFiles: files,
      usedFiles: files - ffree,
    };
  }
}

/** Whether an ext4 file system ends before its device does. */
async function hasRoomBehind(device: string): Promise<boolean> {
  const text = await mustRun('dumpe2fs', ['-h', device]);
  const number = (name: string) => Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(text)?.[1]);
  const blockBytes = number('Block size');
  const usedBytes = number('Block count') * blockBytes;
  const sizeBytes = Number(await mustRun('blockdev', ['--getsize64', device]));
  return usedBytes + blockBytes <= sizeBytes;
}

/** `emergency_ro`: the kernel's word for ext4 after an error, since 6.18. */
const readOnlyOptions: ReadonlySet<string> = new Set(['ro', 'emergency_ro']);

/**
 * In the order in which they were made (proc(5), mountinfo).
 *
 * @param of a process, by which others see what it has mounted
 */
export async function mountTable(of: 'self' | 1 = 'self'): Promise<readonly Mounted[]> {
  const text = await readFile(`/proc/${of}/mountinfo`, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , device = '', root = '', mountPoint = '', options = ''] = before.split(' ');
      const [fileSystem = '', , superOptions = ''] = after.split(' ');
      return {
        path: unescaped(mountPoint),
        device,
        fileSystem,
        root: unescaped(root),
        readOnly: [...options.split(','), ...superOptions.split(',')].some((option) =>
          readOnlyOptions.has(option),
        ),
      };
    });
}

/** Blanks and backslashes are written as octal. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** `7:3`, by Linux's layout of device numbers (makedev(3)). */
export function deviceNumber(device: number): string {
  const major = Math.floor(device / 256) % 4096;
  const minor = (device % 256) + Math.floor(device / 2 ** 20) * 256;
  return `${major}:${minor}`;
}
