/**
 * A dataset on a real file system, its scripts in a real shell, and readers that are real processes
 * with open files. Everything that a bench started is ended with it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setInterval } from 'node:timers/promises';
import { script, type ScriptName } from '../../../components/script.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

type DatasetScript = 'dataset-begin' | 'dataset-publish' | 'dataset-collect';

const parts = (name: DatasetScript): readonly ScriptName[] =>
  name === 'dataset-begin' ? ['dataset', 'dataset-folders', name] : ['dataset', name];

/** `sh` is what the machine has (dash, bash); `busybox` is what the pods have. */
export type Shell = 'sh' | 'busybox';

export const hasBusybox = (): boolean => spawnSync('busybox', ['true']).status === 0;

export class DatasetBench implements AsyncDisposable {
  readonly folder: string;
  readonly store: string;
  readonly #shell: readonly string[];
  readonly #children: ChildProcess[] = [];

  constructor(shell: Shell) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'larder-dataset-'));
    this.store = path.join(this.folder, 'store');
    mkdirSync(this.store);
    mkdirSync(path.join(this.folder, 'proc'));
    this.#shell = shell === 'busybox' ? ['busybox', 'sh'] : ['/bin/sh'];
  }

  run(name: DatasetScript, env: Readonly<Record<string, string>> = {}): Ran {
    const [program = 'sh', ...rest] = this.#shell;
    const ran = spawnSync(program, [...rest, '-c', script(...parts(name))], {
      encoding: 'utf8',
      env: { ...this.#env, ...env },
    });
    return { code: ran.status, out: `${ran.stdout}${ran.stderr}` };
  }

  /** One run of the writer: what `write` puts into the folder becomes the current version. */
  publish(write: (folder: string) => void): string {
    const begun = this.run('dataset-begin');
    assert.equal(begun.code, 0, begun.out);
    write(path.join(this.store, 'incoming/next'));
    const published = this.run('dataset-publish');
    assert.equal(published.code, 0, published.out);
    return published.out;
  }

  collect(env: Readonly<Record<string, string>> = {}): string {
    const ran = this.run('dataset-collect', env);
    assert.equal(ran.code, 0, ran.out);
    return ran.out;
  }

  /** A script that goes on beside the test. */
  start(text: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [program = 'sh', ...rest] = this.#shell;
    const child = spawn(program, [...rest, '-c', text], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...this.#env, ...env },
    });
    this.#children.push(child);
    return child;
  }

  /** The keeper of a pod; the pod's link is `link-<pod>/current`. */
  keeper(pod: string): ChildProcess {
    mkdirSync(this.linkOf(pod), { recursive: true });
    mkdirSync(path.join(this.folder, 'proc', pod), { recursive: true });
    return this.start(script('dataset', 'dataset-keep'), {
      POD: pod,
      LINK: this.linkOf(pod),
      LEASES: path.join(this.store, 'leases'),
      PROC: path.join(this.folder, 'proc', pod),
    });
  }

  /** Makes the process one of the pod, as a shared process namespace would. */
  belongs(pod: string, child: ChildProcess): void {
    const { pid } = child;
    assert.ok(pid !== undefined);
    symlinkSync(`/proc/${pid}`, path.join(this.folder, 'proc', pod, String(pid)));
  }

  linkOf(pod: string): string {
    return path.join(this.folder, `link-${pod}`);
  }

  versions(): readonly string[] {
    return readdirSync(path.join(this.store, 'versions')).toSorted();
  }

  current(link = this.store): string | undefined {
    try {
      return path.basename(readlinkSync(path.join(link, 'current')));
    } catch {
      return undefined;
    }
  }

  /** Waits for a condition, asked every 20 ms, for at most ten seconds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(10_000);
    try {
      for await (const _ of setInterval(20, undefined, { signal })) if (condition()) return;
    } catch (error) {
      assert.ok(!signal.aborted, `waited ten seconds for ${what}`);
      throw error;
    }
  }

  async end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await this.end(child, 'SIGKILL');
    spawnSync('chmod', ['-R', 'u+w', this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #env(): Record<string, string> {
    return {
      PATH: '/usr/bin:/bin',
      STORE: this.store,
      DATASET: 'embeddings',
      VOLUME: '',
      KEEP: '0',
      LEASE_SECONDS: '60',
      DRAIN: '0',
      PAUSE: '0.05',
    };
  }
}
