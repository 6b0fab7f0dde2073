/**
 * Brings a lab up from whatever is there: nothing, a start that was killed, a lab with dead parts,
 * or one that runs. Every step first looks whether it is done, so start, resume and repair are one
 * path.
 */
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { LabFault } from '../base/fault.ts';
import { repositoryRoot } from '../base/paths.ts';
import type { Step } from '../base/progress.ts';
import type { LabImages } from '../images/images.ts';
import { ensureNodeStore } from '../images/node-store.ts';
import type { FoundTool, ToolContext } from '../toolchain/tool.ts';
import type { ToolSet } from '../toolchain/toolchain.ts';
import { addresses, nodeAddress } from './addresses.ts';
import { readyz } from './api-health.ts';
import {
  type ControlPlaneName,
  controlPlaneArgs,
  controlPlaneNames,
  corednsArgs,
  writeCorefile,
} from './control-plane.ts';
import { ensureDiskLink } from './disk-image.ts';
import { ensureDns } from './dns.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { logTail } from './log-tail.ts';
import { labToolNames } from './machine.ts';
import { inNetworkOf, setUpLabNetwork } from './network.ts';
import { LabNode } from './node.ts';
import {
  firstName,
  identityOf,
  networkName,
  nodeFolder,
  powerOn,
  storeImage,
} from './node-power.ts';
import { writeNodeFiles } from './node-files.ts';
import type { LabOptions } from './options.ts';
import { ensurePki } from './pki.ts';
import { isAlive, markerVariable, startDaemon } from './processes.ts';
import type { RecordFile } from './record.ts';
import { takeOver } from './take-over.ts';
import { waitFor } from './wait.ts';

export interface LabContext extends ToolContext {
  readonly tools: ToolSet;
  readonly images: LabImages;
}

const kubeconfigContext = 'larder-lab';

const networkTimeoutMs = 5000;
const readyTimeoutMs = 120_000;
const relays = ['relay-inner', 'relay-outer'] as const;

/** Resolves when every node is Ready and pods can be created. The caller holds the lab's lock. */
export async function bringUp(options: LabOptions, context: LabContext): Promise<RecordFile> {
  const folder = context.paths.state;
  const store = await ensureNodeStore(context.images, context);
  const record = await takeOver(options, context);
  await ensureDiskLink(storeImage(folder), store);
  const site = new Site(folder, record, context);
  await context.progress.step('Kubernetes', (step) => site.ensure(step));
  return record;
}

/** One lab on its way up. */
class Site {
  readonly #folder: string;
  readonly #record: RecordFile;
  readonly #context: LabContext;

  constructor(folder: string, record: RecordFile, context: LabContext) {
    this.#folder = folder;
    this.#record = record;
    this.#context = context;
  }

  async ensure(step: Step): Promise<void> {
    step.note('keys and certificates');
    await ensurePki(this.#pki, this.#nodes);
    this.#writeFiles();
    step.note('network and control plane');
    const holder = await this.#ensureNetwork();
    await this.#ensureControlPlane(holder);
    step.note('waiting for the API server');
    const config = new KubeConfig();
    config.loadFromFile(path.join(this.#folder, 'kubeconfig'));
    const apiReady = this.#waitForApi(config);
    const nodes = this.#nodes.map(({ name }) => this.#ensureNode(name, apiReady));
    await Promise.all([...nodes, apiReady]);
    step.note('waiting for the nodes');
    await ensureDns(config);
    await this.#ensureInside(holder, 'coredns');
    await this.#waitForNodes(config.makeApiClient(CoreV1Api));
    const count = this.#nodes.length;
    step.note(`${count} ${count === 1 ? 'node' : 'nodes'} Ready`);
    this.#record.update((record) => {
      record.phase = 'up';
    });
  }

  get #pki(): string {
    return path.join(this.#folder, 'pki');
  }

  get #nodes() {
    const { current } = this.#record;
    return current.options.nodes.map(({ name }) => {
      const identity = identityOf(current, name);
      return { ...identity, address: nodeAddress(identity.number) };
    });
  }

  /**
   * Everything that is read by the processes; written again at each start, the content is the same.
   */
  #writeFiles(): void {
    const { options, apiPort } = this.#record.current;
    const binFolder = path.join(this.#folder, 'bin');
    for (const folder of ['bin', 'etcd', 'log'])
      mkdirSync(path.join(this.#folder, folder), { recursive: true, mode: 0o700 });
    for (const name of labToolNames) ensureLink(path.join(binFolder, name), this.#tool(name).path);
    writeCorefile(this.#settings);
    const pem = (file: string) => readFileSync(path.join(this.#pki, file), 'utf8');
    writeKubeconfig(path.join(this.#folder, 'kubeconfig'), {
      server: `https://127.0.0.1:${apiPort}`,
      authority: pem('ca.crt'),
      user: 'lab-admin',
      certificate: pem('admin.crt'),
      key: pem('admin.key'),
      context: kubeconfigContext,
    });
    for (const node of this.#nodes) {
      const folder = nodeFolder(this.#folder, node.name);
      for (const part of ['disk', 'root', 'log'])
        mkdirSync(path.join(folder, part), { recursive: true, mode: 0o700 });
      const { fastNodeLoss } = this.#settings;
      const lab = { name: options.name, pkiFolder: this.#pki, binFolder, fastNodeLoss };
      writeNodeFiles(folder, node, lab, this.#tool('runc').path);
    }
    this.#record.update((record) => {
      record.host.readOnlyFolders = this.#sharedFolders();
    });
  }

  /**
   * Folders a node needs as they are on the machine, now and later. The overlay below its root must
   * not stand in for them: it does not follow changes that are made after the node has looked.
   */
  #sharedFolders(): string[] {
    const ours = labToolNames
      .map((name) => this.#tool(name))
      .filter(({ source }) => source === 'built' || source === 'download')
      .map((tool) => path.dirname(tool.path));
    const images = path.dirname(this.#context.images.pause.archive);
    return [...new Set([...ours, images, path.join(this.#folder, 'bin'), repositoryRoot])];
  }

  #tool(name: (typeof labToolNames)[number]): FoundTool {
    const tool = this.#context.tools.get(name);
    if (tool !== undefined) return tool;
    throw new LabFault(
      `The tool ${name} was not prepared.`,
      'ensureTools(labToolNames) prepares it',
    );
  }

  get #settings() {
    const { fastNodeLoss } = this.#record.current.options;
    return { stateFolder: this.#folder, pkiFolder: this.#pki, fastNodeLoss };
  }

  async #ensureNetwork(): Promise<number> {
    const present = this.#record.current.processes[networkName] ?? undefined;
    if (present !== undefined && isAlive(present)) return present.pid;
    await this.#ensureProcess(networkName, 'unshare', ['--net', 'sleep', 'infinity']);
    const pid = this.#record.current.processes[networkName]?.pid ?? 0;
    const ours = readlinkSync('/proc/self/ns/net');
    await waitFor(
      'the network namespace of the lab',
      async () => readlinkSync(`/proc/${pid}/ns/net`) !== ours,
      networkTimeoutMs,
      { hint: `read ${this.#log(networkName)}` },
    );
    await setUpLabNetwork(pid, this.#nodes.length);
    return pid;
  }

  async #ensureControlPlane(holder: number): Promise<void> {
    const { apiPort } = this.#record.current;
    for (const name of controlPlaneNames) await this.#ensureInside(holder, name);
    // The socket's path is relative: the kernel allows it no more than 107 characters.
    const relay = (side: string, host: string, port: number) => [
      path.join(repositoryRoot, 'lab', 'cluster', 'relay.ts'),
      side,
      'api.sock',
      host,
      String(port),
    ];
    const node = process.execPath;
    const inner = relay('inner', addresses.api, addresses.apiPort);
    await this.#ensureProcess(relays[0], 'nsenter', inNetworkOf(holder, node, ...inner));
    await this.#ensureProcess(relays[1], node, relay('outer', '127.0.0.1', apiPort));
  }

  async #ensureInside(holder: number, name: ControlPlaneName | 'coredns'): Promise<void> {
    const args =
      name === 'coredns' ? corednsArgs(this.#folder) : controlPlaneArgs(name, this.#settings);
    await this.#ensureProcess(name, 'nsenter', inNetworkOf(holder, this.#tool(name).path, ...args));
  }

  async #ensureNode(name: string, apiReady: Promise<unknown>): Promise<void> {
    const { processes, phase } = this.#record.current;
    if (isAlive(processes[firstName(name)] ?? undefined)) return;
    if (phase === 'up') this.#context.progress.say(`Node ${name} is off: switching it on`);
    const site = { stateFolder: this.#folder, record: this.#record };
    await powerOn(site, name, apiReady);
  }

  /** Recorded as intended before it starts, and with its identity right after. */
  async #ensureProcess(name: string, program: string, args: readonly string[]): Promise<void> {
    const { processes, phase } = this.#record.current;
    if (isAlive(processes[name] ?? undefined)) return;
    if (phase === 'up') this.#context.progress.say(`${name} had ended: starting it again`);
    this.#record.update((record) => {
      record.processes[name] = null;
    });
    const { PATH } = process.env;
    const { pid, startTime } = await startDaemon({
      program,
      args,
      log: this.#log(name),
      cwd: this.#folder,
      env: { PATH, HOME: '/root', LANG: 'C', [markerVariable]: this.#folder },
    });
    this.#record.update((record) => {
      record.processes[name] = { pid, startTime };
    });
  }

  async #waitForApi(config: KubeConfig): Promise<void> {
    await waitFor(
      'the API server to be ready',
      async () => {
        this.#checkControlPlane();
        return readyz(config);
      },
      readyTimeoutMs,
      { signal: this.#context.signal, hint: `read ${this.#log('kube-apiserver')}` },
    );
  }

  /** A process that ended will not come back by waiting: its own last words are the message. */
  #checkControlPlane(): void {
    const { processes } = this.#record.current;
    for (const name of [...controlPlaneNames, ...relays])
      if (!isAlive(processes[name] ?? undefined))
        throw new LabFault(
          logTail(`${name} ended while the lab started`, this.#log(name)),
          'correct what its log says and run the same command again',
        );
  }

  async #waitForNodes(api: CoreV1Api): Promise<void> {
    const site = { stateFolder: this.#folder, record: this.#record };
    const { signal } = this.#context;
    const nodes = this.#nodes.map(({ name }) => new LabNode(name, site, api));
    await Promise.all(nodes.map((node) => node.waitUntilReady(readyTimeoutMs, signal)));
    await waitFor(
      'the default service account',
      () => api.readNamespacedServiceAccount({ namespace: 'default', name: 'default' }),
      readyTimeoutMs,
      { signal, hint: `read ${this.#log('kube-controller-manager')}` },
    );
  }

  #log(name: string): string {
    return path.join(this.#folder, 'log', `${name}.log`);
  }
}

/** In place: the folder is mounted in the nodes. */
function ensureLink(link: string, target: string): void {
  if (existsSync(link) && readlinkSync(link) === target) return;
  rmSync(link, { force: true });
  symlinkSync(target, link);
}
