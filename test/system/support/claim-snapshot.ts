/** A snapshot of a claim and what a claim made from it holds, as people ask Kubernetes for both. */
import { CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node';
import type { Lab } from '../../../lab/cluster/lab.ts';

const group = 'snapshot.storage.k8s.io';
const version = 'v1';
const waitMs = 115_000;

export class ClaimSnapshot {
  readonly #lab: Lab;
  readonly #name: string;
  readonly #where: {
    readonly group: string;
    readonly version: string;
    readonly plural: string;
    readonly namespace: string;
  };

  private constructor(lab: Lab, namespace: string, name: string) {
    this.#lab = lab;
    this.#name = name;
    this.#where = { group, version, plural: 'volumesnapshots', namespace };
  }

  /** With a class of its own, which has its name; returns when it is ready. */
  static async take(
    lab: Lab,
    claim: { readonly namespace: string; readonly name: string },
    name: string,
  ): Promise<ClaimSnapshot> {
    const made = new ClaimSnapshot(lab, claim.namespace, name);
    const custom = lab.kubeConfig.makeApiClient(CustomObjectsApi);
    const kind = { apiVersion: `${group}/${version}`, metadata: { name } };
    const driver = { driver: 'csi.larder.dev', deletionPolicy: 'Delete' };
    const body = { ...kind, kind: 'VolumeSnapshotClass', ...driver };
    await custom.createClusterCustomObject({
      group,
      version,
      plural: 'volumesnapshotclasses',
      body,
    });
    const source = { persistentVolumeClaimName: claim.name };
    const spec = { volumeSnapshotClassName: name, source };
    await custom.createNamespacedCustomObject({
      ...made.#where,
      body: { ...kind, kind: 'VolumeSnapshot', spec },
    });
    await lab.waitFor(
      'the snapshot to be ready',
      async () => {
        const found = (await custom.getNamespacedCustomObject({ ...made.#where, name })) as {
          readonly status?: { readonly readyToUse?: boolean };
        };
        return found.status?.readyToUse === true;
      },
      waitMs,
    );
    return made;
  }

  /** What a file of a claim made from it holds; the claim is gone afterwards. */
  async read(file: string, storage: string, image: string): Promise<string> {
    const { namespace } = this.#where;
    const core = this.#lab.kubeConfig.makeApiClient(CoreV1Api);
    const claim = { name: `from-${this.#name}`, namespace };
    await core.createNamespacedPersistentVolumeClaim({
      namespace,
      body: {
        metadata: { name: claim.name },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage } },
          dataSource: { apiGroup: group, kind: 'VolumeSnapshot', name: this.#name },
        },
      },
    });
    const pod = { name: `reads-${this.#name}`, namespace };
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: pod.name },
        spec: {
          restartPolicy: 'Never',
          containers: [
            {
              name: 'reader',
              image,
              imagePullPolicy: 'Never',
              command: ['cat', `/data/${file}`],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim.name } }],
        },
      },
    });
    const isDone = async () => (await core.readNamespacedPod(pod)).status?.phase === 'Succeeded';
    await this.#lab.waitFor('the reader to be done', isDone, waitMs);
    const text = await this.#lab.logs({ namespace, pod: pod.name });
    await core.deleteNamespacedPod(pod);
    await core.deleteNamespacedPersistentVolumeClaim(claim);
    return text;
  }

  async delete(): Promise<void> {
    const custom = this.#lab.kubeConfig.makeApiClient(CustomObjectsApi);
    await custom.deleteNamespacedCustomObject({ ...this.#where, name: this.#name });
  }
}
