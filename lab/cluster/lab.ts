/**
 * The lab: a real Kubernetes of several nodes on this machine, and a typed handle on it. It
 * outlives the command that started it; `Lab.resume` finds it again. What it is made of, and how
 * faults are made: docs/lab.md. Tested: test/unit/lab/cluster, test/system/lab.spec.ts.
 */
import { rmdirSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  CoreV1Api,
  type CoreV1Event,
  Exec,
  KubeConfig,
  type V1Status,
} from '@kubernetes/client-node';
import { LabFault } from '../base/fault.ts';
import { acquireLock } from '../base/lock.ts';
import type { Progress } from '../base/progress.ts';
import type { RunResult } from '../base/run.ts';
import type { LabImage } from '../images/images.ts';
import { bringUp, type LabContext } from './bring-up.ts';
import { importImage } from './image-import.ts';
import { checkMachine, checkStateFolder, labToolNames } from './machine.ts';
import { LabNode } from './node.ts';
import { checkLabOptions, type LabOptions } from './options.ts';
import { RecordFile } from './record.ts';
import { type Removed, tearDown } from './teardown.ts';
import { waitFor } from './wait.ts';

export { labToolNames };

export interface PodReference {
  readonly namespace: string;
  readonly pod: string;
  /** Default: the pod's only container, or its first. */
  readonly container?: string;
}

export class Lab {
  /** Kubeconfig file with the context `larder-lab`, for programs. */
  readonly kubeconfig: string;
  /** The same, loaded, for the Kubernetes client. */
  readonly kubeConfig: KubeConfig;
  readonly stateFolder: string;
  readonly name: string;
  readonly #record: RecordFile;
  readonly #core: CoreV1Api;

  private constructor(stateFolder: string, record: RecordFile) {
    this.stateFolder = stateFolder;
    this.name = record.current.options.name;
    this.#record = record;
    this.kubeconfig = path.join(stateFolder, 'kubeconfig');
    this.kubeConfig = new KubeConfig();
    this.kubeConfig.loadFromFile(this.kubeconfig);
    this.#core = this.kubeConfig.makeApiClient(CoreV1Api);
  }

  /**
   * Starts a lab, or goes on with the one that is there: when it runs and was built from equal
   * options this takes a moment, dead parts are started again, and one of other options is removed
   * first. Resolves when every node is Ready and the images are in place.
   */
  static async start(options: LabOptions, context: LabContext): Promise<Lab> {
    checkLabOptions(options);
    checkMachine(options.name, context.tools);
    checkStateFolder(context.paths.state);
    using _lock = await lockLab(
      context.paths.state,
      'starting the lab',
      context.progress,
      context.signal,
    );
    return new Lab(context.paths.state, await bringUp(options, context));
  }

  /** Attaches to the lab in this state folder and changes nothing. */
  static resume(stateFolder: string): Lab {
    const record = RecordFile.find(stateFolder);
    if (record === undefined)
      throw new LabFault(`There is no lab in ${stateFolder}.`, 'start one with npm start');
    if (record.current.phase !== 'up')
      throw new LabFault(
        `The lab in ${stateFolder} was never up: its start did not finish.`,
        'run npm start again: it continues',
      );
    return new Lab(stateFolder, record);
  }

  get nodes(): readonly LabNode[] {
    return this.#record.current.options.nodes.map(({ name }) => this.node(name));
  }

  /** Throws a `LabFault` for a name the lab does not know. */
  node(name: string): LabNode {
    const site = { stateFolder: this.stateFolder, record: this.#record };
    return new LabNode(name, site, this.#core);
  }

  /** Removes the lab and all its data; see `stopLab` for one that may not be there. */
  async stop(progress: Progress): Promise<Removed> {
    return stopLab(this.stateFolder, this.name, progress);
  }

  /** Brings images to every node that is on; those that are there already cost nothing. */
  async importImages(images: readonly LabImage[]): Promise<void> {
    const nodes = this.nodes.filter((node) => node.isOn);
    await Promise.all(
      nodes.map(async (node) => {
        for (const image of images) await importImage(node, image);
      }),
    );
  }

  /** Runs a program in a container; any exit code is returned. */
  async exec(
    where: PodReference,
    command: readonly string[],
    timeoutMs = 60_000,
  ): Promise<RunResult> {
    const { namespace, pod } = where;
    const container = where.container ?? (await this.#firstContainer(where));
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const output = Promise.all([text(stdout), text(stderr)]);
    const status = await new Promise<V1Status>((resolve, reject) => {
      const description = `${command.join(' ')} in ${namespace}/${pod}`;
      const timer = setTimeout(
        () =>
          reject(
            new LabFault(`No end after ${timeoutMs / 1000} s: ${description}.`, 'look at its logs'),
          ),
        timeoutMs,
      );
      new Exec(this.kubeConfig)
        .exec(namespace, pod, container, [...command], stdout, stderr, null, false, resolve)
        .then((socket) => {
          socket.onclose = () =>
            reject(new Error(`the connection closed before the end: ${description}`));
        }, reject)
        .finally(() => clearTimeout(timer));
    });
    stdout.end();
    stderr.end();
    const [out, err] = await output;
    return { stdout: out.trimEnd(), stderr: err.trimEnd(), code: exitCodeOf(status) };
  }

  /** Log of a container; `previous` is the one before its last restart. */
  async logs(where: PodReference, options: { readonly previous?: boolean } = {}): Promise<string> {
    return this.#core.readNamespacedPodLog({
      name: where.pod,
      namespace: where.namespace,
      ...(where.container === undefined ? {} : { container: where.container }),
      ...(options.previous === undefined ? {} : { previous: options.previous }),
    });
  }

  /** Oldest first. */
  async events(namespace: string): Promise<CoreV1Event[]> {
    const { items } = await this.#core.listNamespacedEvent({ namespace });
    // The client leaves a MicroTime as the text it came as.
    const time = ({ lastTimestamp, eventTime, metadata }: CoreV1Event) =>
      new Date(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? 0).getTime();
    return items.toSorted((left, right) => time(left) - time(right));
  }

  /**
   * Polls until the condition gives something other than undefined, null or false, and returns it;
   * a `LabFault` that says what was waited for when `timeoutMs` have passed.
   */
  async waitFor<T>(
    description: string,
    condition: () => Promise<T | undefined | null | false>,
    timeoutMs: number,
  ): Promise<T> {
    return waitFor(description, condition, timeoutMs, {
      hint: `kubectl --kubeconfig ${this.kubeconfig} get events -A shows what happened`,
    });
  }

  async #firstContainer({ namespace, pod }: PodReference): Promise<string> {
    const { spec } = await this.#core.readNamespacedPod({ name: pod, namespace });
    return spec?.containers[0]?.name ?? '';
  }
}

/**
 * Removes the lab of this state folder, whatever state it is in; nothing happens when there is
 * none.
 */
export async function stopLab(
  stateFolder: string,
  name: string,
  progress: Progress,
): Promise<Removed> {
  const removed = await removeUnderLock(stateFolder, name, progress);
  removeIfEmpty(path.dirname(stateFolder));
  return removed;
}

async function removeUnderLock(
  stateFolder: string,
  name: string,
  progress: Progress,
): Promise<Removed> {
  using _lock = await lockLab(stateFolder, 'stopping the lab', progress);
  return await progress.step('Removing the lab', async (step) => {
    const removed = await tearDown(stateFolder, name);
    const { processes, loopDevices, cgroups } = removed;
    step.note(
      removed.folder || processes + loopDevices + cgroups > 0
        ? `${processes} processes, ${loopDevices} loop devices, ${cgroups} control groups, ${stateFolder}`
        : 'there was none',
    );
    return removed;
  });
}

/** The folder of all labs, when this was the last one. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another lab is in it, or somebody's own files: it stays.
  }
}

/** Beside the folder and not in it, because the folder goes while the lock is held. */
async function lockLab(
  stateFolder: string,
  what: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Disposable> {
  return acquireLock(`${stateFolder}.lock`, {
    what,
    onWait: (holder) => progress.say(`Waiting for another command to finish: ${holder}`),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Kubernetes reports the exit code as text among the causes of a failure. */
function exitCodeOf(status: V1Status): number {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  if (cause?.message !== undefined) return Number(cause.message);
  throw new LabFault(
    `The command could not be run: ${status.message ?? status.reason ?? 'no reason given'}`,
    'look whether the pod runs',
  );
}
