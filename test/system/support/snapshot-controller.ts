/**
 * The kinds of snapshots and Kubernetes' controller of them in a lab, as a cluster's distribution
 * brings them. The kinds come with the sources of the sidecars, from the cache of Go's modules.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import {
  ApiextensionsV1Api,
  loadYaml,
  type V1CustomResourceDefinition,
} from '@kubernetes/client-node';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import type { Lab } from '../../../lab/cluster/lab.ts';
import type { ToolContext } from '../../../lab/toolchain/tool.ts';
import { ensureTools } from '../../../lab/toolchain/toolchain.ts';

const endMs = 5_000;

export class SnapshotController {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Undefined when the sources of the sidecars are not on this machine any more. */
  static async start(lab: Lab, context: ToolContext): Promise<SnapshotController | undefined> {
    const folder = kindsFolder();
    if (!existsSync(folder)) return undefined;
    const tools = await ensureTools(['snapshot-controller'], context);
    const api = lab.kubeConfig.makeApiClient(ApiextensionsV1Api);
    for (const file of readdirSync(folder)) {
      if (!file.startsWith('snapshot.storage')) continue;
      const text = readFileSync(path.join(folder, file), 'utf8');
      await api.createCustomResourceDefinition({
        body: loadYaml<V1CustomResourceDefinition>(text),
      });
    }
    const program = tools.get('snapshot-controller')?.path ?? '';
    const args = [`--kubeconfig=${lab.kubeconfig}`, '--retry-interval-start=500ms'];
    return new SnapshotController(spawn(program, args, { stdio: 'ignore' }));
  }

  stop(): void {
    this.#process.kill('SIGTERM');
    setTimeout(() => this.#process.kill('SIGKILL'), endMs).unref();
  }
}

function kindsFolder(): string {
  const module = 'github.com/kubernetes-csi/external-snapshotter/client/v8';
  const file = path.join(repositoryRoot, 'lab/toolchain/go/kubernetes/go.mod');
  const version = new RegExp(`${module} (v[0-9.]+)`).exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const cache =
    process.env['GOMODCACHE'] ??
    path.join(process.env['GOPATH'] ?? path.join(homedir(), 'go'), 'pkg/mod');
  return path.join(cache, `${module}@${version}`, 'config/crd');
}
