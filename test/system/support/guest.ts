/**
 * A virtual machine with Debian's kernel, for what the kernel under the tests does not have: it
 * sees this machine's files, read-only under a layer in its memory, and so has the same programs
 * and the same repository. QEMU translates it (no KVM is needed), which is five times slower.
 *
 * Nothing of it is left: it has no disk but those it is given, and ends with this process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { run } from '../../../lab/base/run.ts';

/** What the first process loads; what these need comes with them. */
const modules = [
  'virtio_pci',
  '9pnet_virtio',
  '9p',
  'overlay',
  'virtio_blk',
  'nbd',
  'ext4',
  'crc32c_generic',
];
const memoryMiB = 2048;

export interface GuestKernel {
  readonly image: string;
  readonly initialFiles: string;
}

/**
 * Debian's kernel and what the guest begins with, from the folder, or fetched by apt-get into it.
 */
export async function ensureGuestKernel(folder: string): Promise<GuestKernel> {
  const made = path.join(folder, 'guest-kernel');
  const kernel = { image: path.join(made, 'image'), initialFiles: path.join(made, 'initial') };
  if (!existsSync(made)) {
    const work = `${made}.${process.pid}`;
    mkdirSync(work, { recursive: true });
    try {
      await fetchKernel(work);
      rmSync(made, { recursive: true, force: true });
      renameSync(work, made);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  // Not kept: its first process is part of the repository.
  await packInitialFiles(path.join(made, 'tree'), kernel.initialFiles);
  return kernel;
}

async function fetchKernel(work: string): Promise<void> {
  const { stdout } = await run('apt-cache', ['depends', 'linux-image-amd64']);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (name === undefined) throw new Error('apt-cache knows no linux-image-amd64');
  await run('apt-get', ['download', name], { cwd: work });
  const archive = readdirSync(work).find((file) => file.endsWith('.deb')) ?? '';
  await run('dpkg-deb', ['-x', archive, 'kernel'], { cwd: work });
  const release = readdirSync(path.join(work, 'kernel/lib/modules'))[0] ?? '';
  copyFileSync(path.join(work, 'kernel/boot', `vmlinuz-${release}`), path.join(work, 'image'));
  await run('busybox', ['depmod', '-b', path.join(work, 'kernel'), release]);
  const from = path.join(work, 'kernel/lib/modules', release);
  const to = path.join(work, 'tree/lib/modules', release);
  for (const file of closureOf(modules, readFileSync(path.join(from, 'modules.dep'), 'utf8'))) {
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    copyFileSync(path.join(from, file), path.join(to, file));
  }
  copyFileSync(path.join(from, 'modules.dep'), path.join(to, 'modules.dep'));
  rmSync(path.join(work, 'kernel'), { recursive: true });
  rmSync(path.join(work, archive));
}

/** @param lines each `file: files it needs`, as depmod writes them */
function closureOf(names: readonly string[], lines: string): readonly string[] {
  const needs = new Map(
    lines.split('\n').map((line) => {
      const [file = '', rest = ''] = line.split(':');
      return [file, rest.split(' ').filter(Boolean)] as const;
    }),
  );
  const files = names.flatMap((name) => {
    const file = [...needs.keys()].find((key) => path.basename(key) === `${name}.ko`);
    return file === undefined ? [] : [file, ...(needs.get(file) ?? [])];
  });
  return [...new Set(files)];
}

async function packInitialFiles(tree: string, file: string): Promise<void> {
  for (const name of ['bin', 'proc', 'sys', 'dev', 'lower', 'upper', 'root'])
    mkdirSync(path.join(tree, name), { recursive: true });
  const { stdout } = await run('sh', ['-c', 'command -v busybox']);
  copyFileSync(stdout, path.join(tree, 'bin/busybox'));
  copyFileSync(path.join(import.meta.dirname, 'guest.sh'), path.join(tree, 'init'));
  chmodSync(path.join(tree, 'init'), 0o755);
  const pack = 'find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$1"';
  await run('sh', ['-c', pack, 'pack', file], { cwd: tree });
}

export class Guest {
  readonly #qemu: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<unknown>;
  readonly #said: string[] = [];

  /**
   * @param folder for the script and the log
   * @param script of the shell, run as root; the machine is off when it ends
   * @param disks raw files it sees as /dev/vda and so on
   */
  constructor(kernel: GuestKernel, folder: string, script: string, disks: readonly string[] = []) {
    const file = path.join(folder, 'script.sh');
    writeFileSync(file, `${script}\necho o >/proc/sysrq-trigger\nsleep 60\n`);
    const machine = [
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'max',
      '-smp',
      '2',
      '-m',
      `${memoryMiB}`,
    ];
    const quiet = ['-nodefaults', '-no-reboot', '-nographic', '-serial', 'stdio'];
    const words = `console=ttyS0 quiet panic=-1 mitigations=off run=${file}`;
    const start = ['-kernel', kernel.image, '-initrd', kernel.initialFiles, '-append', words];
    const files = 'local,id=machine,path=/,security_model=none,readonly=on,multidevs=remap';
    const shared = ['-fsdev', files, '-device', 'virtio-9p-pci,fsdev=machine,mount_tag=machine'];
    const drives = disks.flatMap((disk) => ['-drive', `file=${disk},format=raw,if=virtio`]);
    this.#qemu = spawn(
      'qemu-system-x86_64',
      [...machine, ...quiet, ...start, ...shared, ...drives],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#ended = once(this.#qemu, 'close');
    process.once('exit', this.#kill);
    if (this.#qemu.stdout === null) throw new Error('QEMU has no output');
    const log = createWriteStream(path.join(folder, 'console.log'));
    this.#lines = createInterface(this.#qemu.stdout);
    this.#lines.on('line', (line) => {
      this.#said.push(line);
      log.write(`${line}\n`);
    });
    this.#qemu.stderr?.on('data', (chunk: Buffer) => this.#said.push(chunk.toString()));
  }

  readonly #kill = (): void => {
    this.#qemu.kill('SIGKILL');
  };

  /** Everything it printed. */
  get output(): string {
    return this.#said.join('\n');
  }

  /** Calls back for every line from now on. */
  onLine(tell: (line: string) => void): void {
    this.#lines.on('line', tell);
  }

  /** Resolves when it has switched itself off; rejects, and ends it, when it has not in time. */
  async over(withinMs: number): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new Error(`the guest is not done after ${withinMs} ms; it said:\n${this.output}`));
    }, withinMs);
    try {
      await Promise.race([this.#ended, promise]);
    } finally {
      clearTimeout(timer);
      await this.cutPower();
    }
  }

  async cutPower(): Promise<void> {
    this.#kill();
    await this.#ended;
    process.off('exit', this.#kill);
  }
}
