import assert from 'node:assert/strict';
import type { KubeAnswer } from '../../../../dataplane/host/kube-client.ts';
import { KubeWorkloads } from '../../../../dataplane/host/workloads.ts';

const driver = 'larder.dev';

/** Claims by their PersistentVolume, and those by driver and handle. */
const objects: Readonly<Record<string, KubeAnswer['body']>> = {
  '/api/v1/namespaces/apps/persistentvolumeclaims/data': { spec: { volumeName: 'pv-ours' } },
  '/api/v1/namespaces/apps/persistentvolumeclaims/media': { spec: { volumeName: 'pv-nfs' } },
  '/api/v1/namespaces/apps/persistentvolumeclaims/db-0-cache': { spec: { volumeName: 'pv-temp' } },
  '/api/v1/persistentvolumes/pv-ours': { spec: { csi: { driver, volumeHandle: 'v1' } } },
  '/api/v1/persistentvolumes/pv-temp': { spec: { csi: { driver, volumeHandle: 'v2' } } },
  '/api/v1/persistentvolumes/pv-nfs': { spec: {} },
};

function clusterWith(volumes: readonly object[]): KubeWorkloads {
  const pod = { metadata: { name: 'db-0', namespace: 'apps', uid: 'p1' }, spec: { volumes } };
  const send = async ({ path }: { readonly path: string }): Promise<KubeAnswer> => {
    if (path.startsWith('/api/v1/pods?')) return { code: 200, body: { items: [pod] } };
    const body = objects[path];
    return body === undefined ? { code: 404, body: {} } : { code: 200, body };
  };
  return new KubeWorkloads({ send }, driver);
}

const claim = (name: string, claimName: string) => ({ name, persistentVolumeClaim: { claimName } });

describe('storage of a pod on a lost node', () => {
  const look = async (...volumes: readonly object[]) => {
    const [pod] = await clusterWith(volumes).podsOn('kube1');
    return { volumes: pod?.volumes, otherStorage: pod?.otherStorage };
  };

  it('is ours by claim or by the claim that was made for the pod', async () => {
    const found = await look(claim('data', 'data'), { name: 'cache', ephemeral: {} });
    assert.deepEqual(found, { volumes: ['v1', 'v2'], otherStorage: [] });
  });

  it("is others' by claim, and where the claim is gone and nobody can tell", async () => {
    const found = await look(claim('media', 'media'), claim('lost', 'lost'));
    assert.deepEqual(found, { volumes: [], otherStorage: ['media', 'lost'] });
  });

  it("is others' when it is written into the pod and other nodes reach it", async () => {
    const found = await look(
      claim('data', 'data'),
      { name: 'films', nfs: { server: 'nas', path: '/films' } },
      { name: 'disk', iscsi: {} },
    );
    assert.deepEqual(found.otherStorage, ['films (nfs)', 'disk (iscsi)']);
  });

  it('does not count what only its own node has', async () => {
    const own = ['emptyDir', 'configMap', 'secret', 'projected', 'downwardAPI', 'hostPath'];
    const found = await look(...own.map((kind) => ({ name: kind.toLowerCase(), [kind]: {} })));
    assert.deepEqual(found, { volumes: [], otherStorage: [] });
  });
});
