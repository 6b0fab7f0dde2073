/**
 * Runs the scripts of components/scripts as a pod would: the parent folder of a mount path, a disk
 * that is a file system of its own (/dev/shm, which every Linux mounts) or a bare folder, and
 * stand-ins for PostgreSQL's programs on PATH.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { script, type ScriptName } from '../../../components/script.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

/** A file system other than that of the temporary folder, writable for everybody. */
const otherFileSystem = '/dev/shm';

export class ShellBench implements Disposable {
  readonly folder: string;
  /** Root of the disk, as the node sees it. */
  readonly disk: string;
  readonly #elsewhere: string | undefined;

  constructor(disk: 'mounted' | 'bare' | 'missing') {
    this.folder = mkdtempSync(path.join(tmpdir(), 'larder-scripts-'));
    const host = path.join(this.folder, 'host');
    mkdirSync(host);
    mkdirSync(path.join(this.folder, 'bin'));
    this.disk = path.join(host, 'nvme');
    if (disk === 'bare') mkdirSync(this.disk);
    if (disk !== 'mounted') return;
    this.#elsewhere = mkdtempSync(path.join(otherFileSystem, 'larder-disk-'));
    symlinkSync(this.#elsewhere, this.disk);
  }

  run(names: readonly ScriptName[], env: Readonly<Record<string, string>>): Ran {
    const ran = spawnSync('/bin/sh', ['-c', script(...names)], {
      encoding: 'utf8',
      cwd: this.folder,
      env: {
        PATH: `${this.file('bin')}:/usr/bin:/bin`,
        HOST: this.file('host'),
        NODE: 'kube01',
        MOUNT: '/mnt/nvme',
        UUID: '',
        KNOWN: this.file('known'),
        ...env,
      },
    });
    return { code: ran.status, out: `${ran.stdout}${ran.stderr}` };
  }

  /** A path in the bench's own folder. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  onDisk(name: string): string {
    return path.join(this.disk, name);
  }

  has(name: string): boolean {
    return existsSync(this.onDisk(name));
  }

  /** Puts a program on PATH. */
  program(name: string, text: string): void {
    const file = this.file(`bin/${name}`);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
    if (this.#elsewhere !== undefined) rmSync(this.#elsewhere, { recursive: true, force: true });
  }
}
