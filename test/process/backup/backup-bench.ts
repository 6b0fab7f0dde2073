/**
 * A volume, a repository and the scripts that run between them, with the real restic in a real
 * shell. The shell is busybox, as in restic's own image.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { forgetFlags } from '../../../components/rules/retention.ts';
import { script } from '../../../components/script.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

export interface Snapshot {
  readonly time: string;
  readonly tags?: readonly string[];
  readonly id: string;
}

/** What this machine lacks for a bench, or undefined. */
export function missingProgram(): string | undefined {
  const missing = ['restic', 'busybox'].find(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  return missing === undefined ? undefined : `needs ${missing}: apt-get install ${missing}`;
}

const pathOf = (program: string): string =>
  spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();

export class BackupBench implements Disposable {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'larder-backup-'));
  readonly data: string = path.join(this.folder, 'data');
  readonly repository: string;
  readonly #env: Readonly<Record<string, string>>;

  /**
   * @param template a repository to begin with; making one costs a second, for its key
   * @param repository default: a folder
   */
  constructor(template?: string, repository?: string, env: Readonly<Record<string, string>> = {}) {
    this.repository = repository ?? path.join(this.folder, 'repository');
    if (template !== undefined && existsSync(template))
      cpSync(template, this.repository, { recursive: true });
    this.#env = env;
    for (const name of ['data', 'tmp', 'copies', 'bin']) mkdirSync(this.file(name));
    writeFileSync(this.file('password'), 'a password of the owner');
    // As in the pods: every program is busybox's, but for restic.
    for (const applet of spawnSync('busybox', ['--list'], { encoding: 'utf8' }).stdout.split('\n'))
      if (applet !== '') symlinkSync(pathOf('busybox'), this.file(`bin/${applet}`));
    symlinkSync(pathOf('restic'), this.file('bin/restic'));
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  run(
    name: 'backup' | 'restore' | 'drill' | 'probe',
    env: Readonly<Record<string, string>> = {},
  ): Ran {
    const ran = spawnSync('busybox', ['sh', '-c', script('restic', name)], {
      encoding: 'utf8',
      cwd: this.folder,
      env: {
        PATH: this.file('bin'),
        TMPDIR: this.file('tmp'),
        RESTIC_REPOSITORY: this.repository,
        RESTIC_PASSWORD_FILE: this.file('password'),
        RESTIC_CACHE_DIR: this.file('cache'),
        SOURCE: 'gitea-forge',
        DATA: this.data,
        VOLUME: '',
        PARTS: '1',
        KEEP: forgetFlags({ last: 3, daily: 7, weekly: 4, monthly: 3 }).join(' '),
        SNAPSHOT: 'latest',
        SCRATCH: this.file('scratch'),
        COPIES: '',
        MAX_AGE_SECONDS: '3600',
        ...this.#env,
        ...env,
      },
    });
    return { code: ran.status, out: `${ran.stdout}${ran.stderr}` };
  }

  restic(...args: readonly string[]): string {
    const ran = spawnSync('restic', args, {
      encoding: 'utf8',
      env: {
        PATH: '/usr/bin:/bin',
        TZ: 'UTC',
        RESTIC_REPOSITORY: this.repository,
        RESTIC_PASSWORD_FILE: this.file('password'),
        RESTIC_CACHE_DIR: this.file('cache'),
        ...this.#env,
      },
    });
    if (ran.status !== 0) throw new Error(`restic ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** Oldest first. */
  snapshots(): readonly Snapshot[] {
    return JSON.parse(this.restic('snapshots', '--json')) as readonly Snapshot[];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
