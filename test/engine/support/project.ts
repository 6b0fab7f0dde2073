/**
 * A Pulumi project with a stack of its own for one test: a folder, a `file://` backend, a
 * passphrase, and the real CLI to run on it.
 *
 *   await using project = await Project.open(this, { fixture: 'random-password' });
 *   succeeded(await project.up());
 *   project.edit('index.ts', (text) => text.replace('length: 16', 'length: 20'));
 *   assert.deepEqual((await project.preview()).operations, [...]);
 *
 * Promises: nothing of the user's Pulumi (home, backend, login, environment) is read or changed;
 * all is removed at the end. Never: writes into the repository, also when it runs the repository's
 * program.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { skip } from '../../support/reporter.ts';
import { RunningCommand, type RunResult, succeeded } from './cli-run.ts';
import { findInstallation, type TestInstallation } from './installation.ts';
import { readState, type StackState } from './state.ts';

type ProjectSource =
  /** A folder of `test/engine/fixtures`, copied so that the test may edit it. */
  | { readonly fixture: string }
  /** Files written here and now: name to text; `index.ts` is the program. */
  | { readonly files: Readonly<Record<string, string>> }
  /** This repository's own program, with `Pulumi.<stack>.yaml` (or `configFile`) copied. */
  | { readonly repository: true; readonly configFile?: string };

export type ProjectOptions = ProjectSource & {
  /** Default `dev`. */
  readonly stack?: string;
  /** Configuration by full key, for example `larder:nodes`; plain YAML values, no secrets. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Added to the CLI's environment; undefined takes a variable out. */
  readonly env?: NodeJS.ProcessEnv;
  /** For `Pulumi.yaml`: `runtime.options`, merged over `typescript: false`. */
  readonly runtimeOptions?: Readonly<Record<string, unknown>>;
};

export interface CommandOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Default two minutes. */
  readonly limitMs?: number;
}

export interface UpdateOptions extends CommandOptions {
  /** Folders of policy packs to enforce. */
  readonly policyPacks?: readonly string[];
  /** Their configuration, one file each. */
  readonly policyPackConfigs?: readonly string[];
  /**
   * True runs the preview before the update, as a person's `pulumi up` does. Default false: faster.
   */
  readonly previewFirst?: boolean;
}

export type Command = 'up' | 'preview' | 'refresh' | 'destroy';

const commandLimitMs = 120_000;
const passphrase = 'a passphrase for tests';
const stackMark = '(stack)';
/** As the repository's own program is run: Pulumi.yaml. */
const leanSdk = `--import=${path.join(repositoryRoot, 'components/lean-sdk.ts')}`;

/** What the CLI wrote for the first stack of this process: its salt and its empty state. */
interface EmptyStack {
  readonly salt: string;
  readonly state: string;
}

let emptyStack: EmptyStack | undefined;

const open = new Set<string>();
process.once('exit', () => {
  for (const folder of open) rmSync(folder, { recursive: true, force: true });
});

export class Project implements AsyncDisposable {
  /** Where the program is: a copy of the fixture, or the repository's root. */
  readonly folder: string;
  readonly stack: string;
  /** The stack's configuration file; edit it with `configure`. */
  readonly configFile: string;
  readonly installation: TestInstallation;
  readonly #scratch: string;
  readonly #projectName: string;
  readonly #env: NodeJS.ProcessEnv;
  #runs = 0;

  private constructor(options: ProjectOptions, installation: TestInstallation) {
    this.#scratch = mkdtempSync(path.join(tmpdir(), 'larder-engine-'));
    open.add(this.#scratch);
    this.installation = installation;
    this.stack = options.stack ?? 'dev';
    this.configFile = path.join(this.#scratch, `Pulumi.${this.stack}.yaml`);
    mkdirSync(path.join(this.#scratch, 'backend'));
    if ('repository' in options) {
      this.folder = repositoryRoot;
      const given = options.configFile ?? path.join(repositoryRoot, `Pulumi.${this.stack}.yaml`);
      cpSync(given, this.configFile);
    } else {
      this.folder = path.join(this.#scratch, 'program');
      writeProgram(this.folder, options);
    }
    const manifest = parse(readFileSync(path.join(this.folder, 'Pulumi.yaml'), 'utf8')) as {
      readonly name: string;
    };
    this.#projectName = manifest.name;
    this.#env = {
      ...installation.env,
      // No kubeconfig, login or npm settings of whoever runs the tests.
      HOME: this.#scratch,
      PULUMI_BACKEND_URL: `file://${path.join(this.#scratch, 'backend')}`,
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      // Makes --event-log known.
      PULUMI_DEBUG_COMMANDS: 'true',
      ...options.env,
    };
  }

  /** Makes the project and its empty stack; skips the test with a reason where there is no CLI. */
  static async open(context: Mocha.Context, options: ProjectOptions): Promise<Project> {
    const limitMs = context.timeout();
    // The first test of a run may have to wait for the CLI to be built.
    context.timeout(0);
    const found = await findInstallation();
    context.timeout(limitMs);
    if ('missing' in found) skip(context, found.missing);
    const project = new Project(options, found.installation);
    try {
      await project.#initialize(options.config ?? {});
    } catch (error) {
      await project[Symbol.asyncDispose]();
      throw error;
    }
    return project;
  }

  /** `pulumi up`, without the preview unless asked for. */
  up(options: UpdateOptions = {}): Promise<RunResult> {
    return this.start('up', options).result;
  }

  preview(options: UpdateOptions = {}): Promise<RunResult> {
    return this.start('preview', options).result;
  }

  refresh(options: CommandOptions = {}): Promise<RunResult> {
    return this.start('refresh', options).result;
  }

  destroy(options: CommandOptions = {}): Promise<RunResult> {
    return this.start('destroy', options).result;
  }

  /** `pulumi import <type> <name> <id>`, protection and code generation off. */
  import(type: string, name: string, id: string): Promise<RunResult> {
    const flags = ['--yes', '--skip-preview', '--protect=false', '--generate-code=false'];
    return this.#command(['import', ...this.#stackFlags(), ...flags, type, name, id], {}, true)
      .result;
  }

  /** Starts a command and returns while it runs, to be watched or disturbed. */
  start(command: Command, options: UpdateOptions = {}): RunningCommand {
    const flags = [...this.#stackFlags()];
    if (command !== 'preview') flags.push('--yes');
    if (command !== 'preview' && options.previewFirst !== true) flags.push('--skip-preview');
    for (const pack of options.policyPacks ?? []) flags.push('--policy-pack', pack);
    for (const file of options.policyPackConfigs ?? []) flags.push('--policy-pack-config', file);
    return this.#command([command, ...flags, ...(options.args ?? [])], options, true);
  }

  /** Any other command on this stack: `await project.pulumi(['state', 'delete', urn, '--yes'])`. */
  pulumi(args: readonly string[], options: CommandOptions = {}): Promise<RunResult> {
    return this.#command([...args, '--stack', this.stack], options, false).result;
  }

  /** Sets configuration values (plain YAML); undefined removes a key. */
  configure(values: Readonly<Record<string, unknown>>): void {
    const file = this.#readConfig();
    const config = { ...file.config, ...values };
    const kept = Object.entries(config).filter(([, value]) => value !== undefined);
    this.#writeConfig({ ...file, config: Object.fromEntries(kept) });
  }

  /** Sets an encrypted configuration value with the CLI. */
  async configureSecret(key: string, value: string): Promise<void> {
    const flags = ['--config-file', this.configFile];
    succeeded(await this.pulumi(['config', 'set', ...flags, '--secret', key, value]));
  }

  /** Writes a file of the program. Not for the repository's own. */
  write(name: string, text: string): void {
    if (this.folder === repositoryRoot) throw new Error('A test may not edit the repository.');
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Changes a file of the program. @throws Error when the change changed nothing */
  edit(name: string, change: (text: string) => string): void {
    const before = readFileSync(path.join(this.folder, name), 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`The edit of ${name} changed nothing in:\n${before}`);
    this.write(name, after);
  }

  /** The state as it lies on the disk, secrets encrypted. */
  state(): StackState {
    return readState(this.#stateFile());
  }

  /** Removes the state file: the disaster of a lost state. The stack exists again, empty. */
  async loseState(): Promise<void> {
    rmSync(this.#stateFile());
    await this.#createStack();
  }

  /** The stack's outputs, secrets in clear. */
  async outputs(): Promise<Readonly<Record<string, unknown>>> {
    const flags = ['--json', '--show-secrets'];
    const result = succeeded(await this.pulumi(['stack', 'output', ...flags]));
    return JSON.parse(result.stdout) as Record<string, unknown>;
  }

  /** `pulumi stack export`, changed, `pulumi stack import`. */
  async editState(change: (deployment: Record<string, unknown>) => void): Promise<void> {
    const exported = succeeded(await this.pulumi(['stack', 'export'])).stdout;
    const whole = JSON.parse(exported) as { deployment: Record<string, unknown> };
    change(whole.deployment);
    const file = path.join(this.#scratch, 'edited-state.json');
    writeFileSync(file, JSON.stringify(whole));
    succeeded(await this.pulumi(['stack', 'import', '--force', '--file', file]));
  }

  /** Removes everything. The world that the program changed is the test's to clean. */
  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#scratch, { recursive: true, force: true });
    open.delete(this.#scratch);
  }

  /**
   * `stack init` writes its salt beside `Pulumi.yaml` and knows no --config-file, so it runs in a
   * folder that has nothing but the project's name.
   */
  async #initialize(config: Readonly<Record<string, unknown>>): Promise<void> {
    const encryptionsalt = await this.#createStack();
    const file = this.#readConfig();
    this.#writeConfig({ encryptionsalt, config: { ...file.config, ...config } });
  }

  /**
   * The first stack of a process is made by `pulumi stack init`. Every further one is the same two
   * files under its own name: a third of a second less, eighty times.
   */
  async #createStack(): Promise<string> {
    const name = `organization/${this.#projectName}/${this.stack}`;
    const isUsual = this.#env['PULUMI_CONFIG_PASSPHRASE'] === passphrase;
    if (emptyStack !== undefined && isUsual) {
      mkdirSync(path.dirname(this.#stateFile()), { recursive: true });
      writeFileSync(path.join(this.#scratch, 'backend/.pulumi/meta.yaml'), 'version: 1\n');
      writeFileSync(this.#stateFile(), emptyStack.state.replace(stackMark, name));
      return emptyStack.salt;
    }
    const salt = await this.#initStack();
    const state = readFileSync(this.#stateFile(), 'utf8').replace(name, stackMark);
    // Whoever brings a passphrase of its own has a salt of its own.
    if (isUsual) emptyStack = { salt, state };
    return salt;
  }

  async #initStack(): Promise<string> {
    const folder = mkdtempSync(path.join(this.#scratch, 'init-'));
    writeFileSync(
      path.join(folder, 'Pulumi.yaml'),
      stringify({ name: this.#projectName, runtime: 'nodejs' }),
    );
    succeeded(
      await this.#command(['stack', 'init', this.stack, '--non-interactive'], {}, false, folder)
        .result,
    );
    const made = parse(readFileSync(path.join(folder, `Pulumi.${this.stack}.yaml`), 'utf8')) as {
      readonly encryptionsalt: string;
    };
    return made.encryptionsalt;
  }

  #stackFlags(): string[] {
    return ['--stack', this.stack, '--config-file', this.configFile];
  }

  #stateFile(): string {
    const stacks = path.join(this.#scratch, 'backend/.pulumi/stacks', this.#projectName);
    return path.join(stacks, `${this.stack}.json`);
  }

  #readConfig(): { readonly config?: Readonly<Record<string, unknown>> } {
    if (!existsSync(this.configFile)) return {};
    return (parse(readFileSync(this.configFile, 'utf8')) ?? {}) as { config?: never };
  }

  #writeConfig(content: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.configFile, stringify(content));
  }

  #command(
    args: readonly string[],
    options: CommandOptions,
    logsEvents: boolean,
    cwd = this.folder,
  ): RunningCommand {
    this.#runs += 1;
    const eventLog = path.join(this.#scratch, `events-${this.#runs}`);
    const common = ['--color', 'never', '--non-interactive'];
    return new RunningCommand({
      program: this.installation.cli,
      args: [...args, ...common, ...(logsEvents ? ['--event-log', eventLog] : [])],
      cwd,
      env: { ...this.#env, ...options.env },
      eventLog,
      limitMs: options.limitMs ?? commandLimitMs,
    });
  }
}

function writeProgram(folder: string, options: ProjectOptions): void {
  mkdirSync(folder);
  if ('fixture' in options) {
    cpSync(path.join(import.meta.dirname, '../fixtures', options.fixture), folder, {
      recursive: true,
    });
  } else if ('files' in options) {
    for (const [name, text] of Object.entries(options.files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
  }
  const absent = (name: string) => !existsSync(path.join(folder, name));
  if (absent('Pulumi.yaml')) {
    const runtimeOptions = { typescript: false, nodeargs: leanSdk, ...options.runtimeOptions };
    const project = { name: 'test', runtime: { name: 'nodejs', options: runtimeOptions } };
    writeFileSync(path.join(folder, 'Pulumi.yaml'), stringify(project));
  }
  if (absent('package.json')) {
    const repository = JSON.parse(
      readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8'),
    ) as { readonly dependencies: Readonly<Record<string, string>> };
    const manifest = { name: 'test', type: 'module', dependencies: repository.dependencies };
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  }
  if (absent('node_modules')) {
    symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'));
  }
}
