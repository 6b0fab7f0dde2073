/**
 * The objects of `larder.dev` on the tests' API server: CRDs put in place once, the data plane's
 * own client, and volumes to play with.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { customResourceDefinitions } from '../../../dataplane/control/crds.ts';
import type { VolumeObject, VolumeSpec } from '../../../dataplane/control/objects.ts';
import { KubeClient } from '../../../dataplane/host/kube-client.ts';
import { hostObjects } from '../../../dataplane/host/objects.ts';
import type { Objects } from '../../../dataplane/ports/objects.ts';
import { firstRecord, type VolumeRecord } from '../../../dataplane/volume/record.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import type { TestApiServer } from './api-server.ts';

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly { readonly user: { readonly token: string } }[];
}

export interface LarderApi {
  readonly client: KubeClient;
  readonly objects: Objects;
}

/** What a pod would find: files with the token and the authority. */
export function accessFor(api: TestApiServer): {
  readonly server: string;
  readonly caFile: string;
  readonly tokenFile: string;
} {
  const { clusters, users } = parse(api.kubeconfigText) as Kubeconfig;
  const [cluster] = clusters;
  const [user] = users;
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig is empty');
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-kube-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const caFile = path.join(folder, 'ca.crt');
  const tokenFile = path.join(folder, 'token');
  writeFileSync(caFile, Buffer.from(cluster.cluster['certificate-authority-data'], 'base64'));
  writeFileSync(tokenFile, `${user.user.token}\n`, { mode: 0o600 });
  return { server: cluster.cluster.server, caFile, tokenFile };
}

/** Declares the CRDs and waits until the server serves them. */
export async function useLarderObjects(api: TestApiServer): Promise<LarderApi> {
  const client = new KubeClient(accessFor(api));
  const at = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const definition of customResourceDefinitions()) {
    const answer = await client.send({ method: 'POST', path: at, body: definition });
    if (answer.code !== 201 && answer.code !== 409) {
      throw new Error(`${definition.metadata.name}: ${JSON.stringify(answer.body)}`);
    }
  }
  const log = { info: () => {}, warn: () => {} };
  const objects = hostObjects(client, log);
  await waitFor(
    'the objects of larder.dev',
    async () => {
      await Promise.all([objects.volumes.list(), objects.storageNodes.list()]);
      return true;
    },
    20_000,
    { hint: 'look at the log of the API server' },
  );
  return { client, objects };
}

export function volumeNamed(name: string, spec: Partial<VolumeSpec> = {}): VolumeObject {
  return {
    metadata: { name, uid: '', resourceVersion: '' },
    spec: {
      sizeBytes: 4 * 2 ** 20,
      copies: 2,
      content: 'ext4',
      diskTags: [],
      spread: 'node',
      ...spec,
    },
    status: {
      places: [],
      attachedTo: '',
      tendedBy: '',
      formatted: 'no',
      safety: 'Creating',
      copies: '',
      message: '',
      conditions: [],
    },
  };
}

export function recordOf(volume: string): VolumeRecord {
  return firstRecord(
    { volume, lineage: 'l1', sizeBytes: 4 * 2 ** 20, blockBytes: 4096, regionBlocks: 1024 },
    [
      { id: 'm1', address: 'kube01@10.0.0.1:7000' },
      { id: 'm2', address: 'kube02@10.0.0.2:7000' },
    ],
  );
}
