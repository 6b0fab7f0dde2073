/**
 * A stack with a backend, a passphrase and a stack file of its own in one folder, and the real
 * Pulumi CLI run on the repository's program with them. Nothing of the person's own Pulumi (login,
 * stacks, environment) is read or changed, the repository is not written to, and all of it goes
 * with the folder.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { acquireLock } from '../base/lock.ts';
import { repositoryRoot } from '../base/paths.ts';
import { run } from '../base/run.ts';
import { identify } from '../cluster/processes.ts';
import { waitFor } from '../cluster/wait.ts';
import type { PulumiInstallation } from '../toolchain/pulumi.ts';
import { overlay, readStackValues, type StackValues } from './stack-file.ts';

const project = 'larder';

/** How long an interrupted update may take to finish the steps under way. */
const interruptGraceMs = 60_000;
const earlierUpdateMs = 600_000;

/** The pack that every run of the program is held against. */
export const policyPack: string = path.join(repositoryRoot, 'policies');

export interface LocalStackOptions {
  /** Name of the stack; its values come from the repository's `Pulumi.<stack>.yaml`. */
  readonly stack: string;
  /** Made when it is missing, readable by its owner only. */
  readonly folder: string;
  readonly installation: PulumiInstallation;
  readonly signal: AbortSignal;
}

export class LocalStack implements Disposable {
  #lock: Disposable | undefined;
  readonly #options: LocalStackOptions;
  readonly #configFile: string;
  readonly #differencesFile: string;

  constructor(options: LocalStackOptions) {
    this.#options = options;
    this.#configFile = this.#path(`Pulumi.${options.stack}.yaml`);
    this.#differencesFile = this.#path('differences.json');
  }

  /**
   * Makes backend, passphrase and stack where they are missing, and writes the stack file anew: the
   * repository's values under `differences`. Without `differences` those of the last time are kept.
   * From here until it is disposed of, no other command of this checkout uses the stack.
   */
  async prepare(differences?: StackValues): Promise<void> {
    mkdirSync(this.#path('backend'), { recursive: true, mode: 0o700 });
    const { stack, signal } = this.#options;
    this.#lock = await acquireLock(this.#path('lock'), {
      what: `using the stack ${stack}`,
      signal,
    });
    const passphrase = this.#path('passphrase');
    if (!existsSync(passphrase)) {
      writeFileSync(passphrase, randomBytes(24).toString('base64url'), { mode: 0o600 });
    }
    if (differences !== undefined) {
      writeFileSync(this.#differencesFile, JSON.stringify(differences), { mode: 0o600 });
    }
    const over = JSON.parse(readFileSync(this.#differencesFile, 'utf8')) as StackValues;
    const encryptionsalt = this.#salt() ?? (await this.#create());
    const takeover = (await this.#releaseKilled()) ? { 'larder:cluster': { adopt: true } } : {};
    const config = overlay(overlay(readStackValues(stack), over), takeover);
    writeFileSync(this.#configFile, stringify({ encryptionsalt, config }), { mode: 0o600 });
  }

  /** Runs `up` or `preview` to its end without questions; its lines go to `onLine`. */
  async run(args: readonly string[], onLine: (line: string) => void): Promise<void> {
    const { installation, signal } = this.#options;
    const unattended = ['--non-interactive', '--color', 'never'];
    await run(installation.cli, [...args, ...this.#flags(), ...unattended], {
      cwd: repositoryRoot,
      env: this.#environment(),
      signal,
      onLine,
      interruptGraceMs,
      hint: 'read the lines above; npm run status shows what runs, and npm start may be run again',
    });
  }

  /** Runs `up` or `preview` on the person's terminal and resolves to the CLI's exit code. */
  async attended(args: readonly string[]): Promise<number> {
    // A refresh runs no program, and the CLI knows no policies for it.
    const flags = args[0] === 'refresh' ? this.#stackFlags() : this.#flags();
    return attended(this.#options.installation.cli, [...args, ...flags], this.#environment());
  }

  [Symbol.dispose](): void {
    this.#lock?.[Symbol.dispose]();
  }

  /**
   * A lock of the backend that is there while we hold ours belongs to an update whose npm command
   * was killed. If the CLI lives on, it is waited for. If not, what it made last may exist without
   * being in the state: true means that the next update must take over what is there.
   */
  async #releaseKilled(): Promise<boolean> {
    const { stack, installation, signal } = this.#options;
    await waitFor(
      'an earlier update of this stack to end',
      async () => !this.#backendLocks().some(({ pid }) => identify(pid) !== undefined),
      earlierUpdateMs,
      { signal, hint: 'pulumi still runs from an earlier command: end it, or wait' },
    );
    if (this.#backendLocks().length === 0) return false;
    const args = ['cancel', '--yes', '--stack', stack, '--non-interactive'];
    await run(installation.cli, args, { cwd: repositoryRoot, env: this.#environment(), signal });
    return true;
  }

  #backendLocks(): { readonly pid: number }[] {
    const files = globSync(this.#path('backend/.pulumi/locks/**/*.json'));
    return files.flatMap((file) => {
      try {
        return [JSON.parse(readFileSync(file, 'utf8')) as { pid: number }];
      } catch {
        return []; // the update ended between the two looks
      }
    });
  }

  #flags(): string[] {
    return [...this.#stackFlags(), '--policy-pack', policyPack];
  }

  #stackFlags(): string[] {
    return ['--stack', this.#options.stack, '--config-file', this.#configFile];
  }

  #path(name: string): string {
    return path.join(this.#options.folder, name);
  }

  #salt(): string | undefined {
    if (!existsSync(this.#configFile)) return undefined;
    const file = parse(readFileSync(this.#configFile, 'utf8')) as {
      encryptionsalt?: string;
    } | null;
    return file?.encryptionsalt;
  }

  /**
   * `stack init` writes its salt beside `Pulumi.yaml` and knows no --config-file, so it runs in a
   * folder that holds nothing but the project's name. A stack without a salt was left by an
   * interrupted start: nothing was ever encrypted for it, so it is made anew.
   */
  async #create(): Promise<string> {
    const { stack, installation, signal } = this.#options;
    rmSync(this.#path('backend'), { recursive: true, force: true });
    mkdirSync(this.#path('backend'), { mode: 0o700 });
    const cwd = mkdtempSync(this.#path('init-'));
    try {
      const manifest = stringify({ name: project, runtime: 'nodejs' });
      writeFileSync(path.join(cwd, 'Pulumi.yaml'), manifest);
      const env = this.#environment();
      await run(installation.cli, ['stack', 'init', stack, '--non-interactive'], {
        cwd,
        env,
        signal,
      });
      const made = parse(readFileSync(path.join(cwd, `Pulumi.${stack}.yaml`), 'utf8')) as {
        readonly encryptionsalt: string;
      };
      return made.encryptionsalt;
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const foreign = /^(PULUMI_|KUBECONFIG$|KUBERNETES_)/;
    const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
    const own = Object.entries(this.#options.installation.env).filter(
      ([name]) => name === 'PATH' || /^(PULUMI|NODE)_/.test(name),
    );
    return {
      ...Object.fromEntries(inherited),
      ...Object.fromEntries(own),
      PULUMI_BACKEND_URL: `file://${this.#path('backend')}`,
      PULUMI_CONFIG_PASSPHRASE: undefined,
      PULUMI_CONFIG_PASSPHRASE_FILE: this.#path('passphrase'),
    };
  }
}

/**
 * Runs the CLI on the person's terminal; Ctrl-C reaches it there, and it ends the update in order.
 */
export async function attended(
  cli: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(cli, [...args], { cwd: repositoryRoot, env, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 130));
  });
}
