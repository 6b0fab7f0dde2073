/**
 * The program on a cluster without nodes, for the engine tests: the homelab stack with its
 * kubeconfig laid over, a stand-in kubelet, and a look at what is in the cluster past Pulumi.
 *
 * The program's names are fixed, so one shelf at a time uses the cluster; `open` begins with an
 * empty one.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setInterval } from 'node:timers/promises';
import {
  CoreV1Api,
  KubeConfig,
  type KubernetesObject,
  RbacAuthorizationV1Api,
  StorageV1Api,
} from '@kubernetes/client-node';
import { parse } from 'yaml';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import { type TestApiServer, useApiServer } from './api-server.ts';
import { Project } from './project.ts';
import { StandInKubelet } from './stand-in-kubelet.ts';

type Values = Record<string, unknown>;

const nodes = ['kube01', 'kube02', 'kube03'];
const managed = 'app.kubernetes.io/managed-by=larder';
const emptyLimitMs = 60_000;
const pollMs = 100;

export class TestShelf implements AsyncDisposable {
  readonly project: Project;
  readonly kubelet: StandInKubelet;
  readonly core: CoreV1Api;
  readonly #stack: Values;

  private constructor(project: Project, kubelet: StandInKubelet, core: CoreV1Api, stack: Values) {
    this.project = project;
    this.kubelet = kubelet;
    this.core = core;
    this.#stack = stack;
  }

  static async open(context: Mocha.Context): Promise<TestShelf> {
    const api = await useApiServer(context);
    const stack = homelabOn(api);
    const kubelet = await StandInKubelet.start(api.kubeconfig, nodes);
    await emptyCluster(api);
    const project = await Project.open(context, {
      repository: true,
      stack: 'homelab',
      config: stack,
    });
    const core = clientOf(api.kubeconfig).makeApiClient(CoreV1Api);
    return new TestShelf(project, kubelet, core, stack);
  }

  configureDatabases(databases: readonly object[]): void {
    this.project.configure({ 'larder:postgres': databases });
  }

  configureVolumes(volumes: readonly object[]): void {
    this.project.configure({ 'larder:volumes': volumes });
  }

  /** The database of the homelab stack, as its file declares it. */
  get database(): object {
    const [first] = this.#stack['larder:postgres'] as readonly object[];
    if (first === undefined) throw new Error('the homelab stack declares no database');
    return first;
  }

  /** Says that what is in the cluster may be taken over. */
  adopt(adopt: boolean): void {
    const cluster = this.#stack['larder:cluster'] as object;
    this.project.configure({ 'larder:cluster': { ...cluster, adopt } });
  }

  /** What the Secret of the database says. */
  async password(): Promise<string | undefined> {
    const secret = await this.core.readNamespacedSecret({
      namespace: 'apps',
      name: 'postgres-main',
    });
    return secret.data?.['password'];
  }

  /** Back to the stack file as `open` wrote it. */
  restoreConfig(): void {
    const added = ['larder:volumes', 'larder:images', 'larder:backup', 'larder:engines'];
    const removals = Object.fromEntries(added.map((key) => [key, undefined]));
    this.project.configure({ ...removals, ...this.#stack });
  }

  /** What identifies the data: UIDs of the namespace, the volume and the claim. */
  async identities(): Promise<Readonly<Record<string, string | undefined>>> {
    const name = 'postgres-main';
    const [namespace, volume, claim] = await Promise.all([
      this.core.readNamespace({ name: 'apps' }),
      this.core.readPersistentVolume({ name: `larder-${name}` }),
      this.core.readNamespacedPersistentVolumeClaim({ namespace: 'apps', name }),
    ]);
    return {
      namespace: namespace.metadata?.uid,
      volume: volume.metadata?.uid,
      claim: claim.metadata?.uid,
    };
  }

  /** UIDs of everything of ours that holds data or leads to it, by kind and name. */
  async everyIdentity(): Promise<Readonly<Record<string, string | undefined>>> {
    const labelSelector = managed;
    const [namespaces, volumes, claims, secrets] = await Promise.all([
      this.core.listNamespace({ labelSelector }),
      this.core.listPersistentVolume({ labelSelector }),
      this.core.listPersistentVolumeClaimForAllNamespaces({ labelSelector }),
      this.core.listSecretForAllNamespaces({ labelSelector }),
    ]);
    const lists = { namespaces, volumes, claims, secrets };
    return Object.fromEntries(
      Object.entries(lists).flatMap(([kind, { items }]) =>
        items
          .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
          .map(({ metadata }) => [`${kind}/${metadata?.name}`, metadata?.uid] as const),
      ),
    );
  }

  /** Makes a volume for a claim and waits until it is bound, as a driver would have done. */
  async bind(namespace: string, name: string, storageClassName: string): Promise<void> {
    const claim = await this.core.readNamespacedPersistentVolumeClaim({ namespace, name });
    const { accessModes = [], resources } = claim.spec ?? {};
    await this.core.createPersistentVolume({
      body: {
        metadata: { name: `made-for-${name}` },
        spec: {
          accessModes,
          capacity: { storage: resources?.requests?.['storage'] ?? '1Gi' },
          storageClassName,
          hostPath: { path: `/mnt/${name}` },
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name },
        },
      },
    });
    const isBound = async () =>
      (await this.core.readNamespacedPersistentVolumeClaim({ namespace, name })).status?.phase ===
      'Bound';
    await waitFor(`the claim ${name} to be bound`, isBound, emptyLimitMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubelet[Symbol.asyncDispose]();
    await this.project[Symbol.asyncDispose]();
  }
}

function homelabOn(api: TestApiServer): Values {
  const text = readFileSync(path.join(repositoryRoot, 'Pulumi.homelab.yaml'), 'utf8');
  const { config } = parse(text) as { config: Values };
  return { ...config, 'larder:cluster': { context: 'test', kubeconfig: api.kubeconfig } };
}

function clientOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

/** Removes what an earlier test left, and waits until it is gone. */
async function emptyCluster(api: TestApiServer): Promise<void> {
  const config = clientOf(api.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const storage = config.makeApiClient(StorageV1Api);
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const labelSelector = managed;
  const left = async (): Promise<KubernetesObject[]> => {
    const [namespaces, volumes] = await Promise.all([
      core.listNamespace({ labelSelector }),
      core.listPersistentVolume({ labelSelector }),
    ]);
    return [...namespaces.items, ...volumes.items];
  };
  for (const { metadata } of (await core.listNamespace({ labelSelector })).items)
    await core.deleteNamespace({ name: metadata?.name ?? '' });
  for (const { metadata } of (await core.listPersistentVolume({ labelSelector })).items)
    await core.deletePersistentVolume({ name: metadata?.name ?? '' });
  await storage.deleteCollectionStorageClass({ labelSelector });
  await rbac.deleteCollectionClusterRole({ labelSelector });
  await rbac.deleteCollectionClusterRoleBinding({ labelSelector });
  const deadlineMs = performance.now() + emptyLimitMs;
  for await (const _ of setInterval(pollMs)) {
    const names = (await left()).map(({ metadata }) => metadata?.name);
    if (names.length === 0) return;
    if (performance.now() > deadlineMs)
      throw new Error(`still there after ${emptyLimitMs / 1000} s: ${names.join(', ')}`);
  }
}
