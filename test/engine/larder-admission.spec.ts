import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { admissionPolicies } from '../../components/replicated-tier/admission.ts';
import type { VolumeObject } from '../../dataplane/control/objects.ts';
import { collectionPath } from '../../dataplane/host/objects.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import {
  accessFor,
  type LarderApi,
  recordOf,
  useLarderObjects,
  volumeNamed,
} from './support/larder-objects.ts';

const account = 'system:serviceaccount:larder-system:larder-node';

/** What a node may write when the API server knows which node it is. */
describe('admission of what nodes write', () => {
  let api: TestApiServer;
  let larder: LarderApi;
  let volume: VolumeObject;

  before(async function () {
    api = await useApiServer(this);
    larder = await useLarderObjects(api);
    await declare();
    const name = api.uniqueName('v');
    const made = await larder.objects.volumes.create(volumeNamed(name));
    assert.equal(made.kind, 'written');
    const place = (member: string, node: string) => ({
      member,
      node,
      disk: 'disk',
      made: true,
      leave: false,
      erase: false,
      problem: '',
    });
    const written = await larder.objects.volumes.putStatus({
      ...made.object,
      status: {
        ...made.object.status,
        record: recordOf(name),
        attachedTo: 'kube01',
        places: [place('m1', 'kube01'), place('m2', 'kube02')],
      },
    });
    assert.equal(written.kind, 'written');
    volume = written.object;
    await waitFor(
      'the policies to be in force',
      async () => (await write('kube03', { message: 'x' })).code === 422,
      15_000,
      { hint: 'look at the log of the API server' },
    );
  });

  it('lets the node that it is attached to write the record', async () => {
    const record = { ...recordOf(volume.metadata.name), epoch: 1 };
    assert.equal((await write('kube01', { record })).code, 200);
  });

  it('lets a holder say how its own copy is', async () => {
    const places = volume.status.places.map((at) =>
      at.node === 'kube02' ? { ...at, problem: 'the disk is full' } : at,
    );
    assert.equal((await write('kube02', { places })).code, 200);
  });

  it('refuses the record from a node that it is not attached to', async () => {
    const record = { ...recordOf(volume.metadata.name), epoch: 9 };
    const { code, message } = await write('kube02', { record });
    assert.equal(code, 422);
    assert.match(message, /The record is written by the node that the volume is attached to/);
  });

  it('refuses a node that says how the copy of another is', async () => {
    const places = volume.status.places.map((at) =>
      at.node === 'kube01' ? { ...at, made: false } : at,
    );
    const { message } = await write('kube02', { places });
    assert.match(message, /nothing about those of others/);
  });

  it('lets the node that looks after a detached volume write the record, and no other', async () => {
    const { volumes } = larder.objects;
    const tended = { ...volume.status, attachedTo: '', tendedBy: 'kube02' };
    const written = await volumes.putStatus({ ...volume, status: tended });
    assert.equal(written.kind, 'written');
    const record = { ...recordOf(volume.metadata.name), epoch: 2 };
    assert.equal((await write('kube02', { record })).code, 200);
    assert.match((await write('kube01', { record })).message, /or that looks after it/);
    const { message } = await write('kube01', { tendedBy: 'kube01' });
    assert.match(message, /Which node looks after a volume is decided by the controller/);
    const back = await volumes.putStatus({ ...written.object, status: volume.status });
    assert.equal(back.kind, 'written');
  });

  it('refuses a node that attaches a volume to itself', async () => {
    const { message } = await write('kube02', { attachedTo: 'kube02' });
    assert.match(message, /decided by the controller/);
  });

  it('refuses a node that has nothing to do with the volume', async () => {
    const { message } = await write('kube03', { message: 'hello' });
    assert.match(message, /attached to it or have a copy on it/);
  });

  /** As a pod on that node would: the change is laid over the status that is there. */
  async function write(node: string, change: object): Promise<{ code: number; message: string }> {
    const { server, caFile, tokenFile } = accessFor(api);
    const headers = {
      authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
      'content-type': 'application/merge-patch+json',
      'impersonate-user': account,
      'impersonate-group': 'system:masters',
      'impersonate-extra-authentication.kubernetes.io%2Fnode-name': node,
    };
    const url = `${server}${collectionPath('Volume')}/${volume.metadata.name}/status?dryRun=All`;
    const options = { method: 'PATCH', headers, ca: readFileSync(caFile) };
    return new Promise((resolve, reject) => {
      const call = request(url, options, (response) => {
        void text(response).then((body) => {
          const { message = '' } = JSON.parse(body) as { message?: string };
          resolve({ code: response.statusCode ?? 0, message });
        }, reject);
      });
      call.on('error', reject);
      call.end(JSON.stringify({ status: change }));
    });
  }

  async function declare(): Promise<void> {
    const group = '/apis/admissionregistration.k8s.io/v1';
    const apiVersion = 'admissionregistration.k8s.io/v1';
    for (const { name, spec } of admissionPolicies(account)) {
      const metadata = { name };
      const kind = 'ValidatingAdmissionPolicy';
      const policy = await larder.client.send({
        method: 'POST',
        path: `${group}/validatingadmissionpolicies`,
        body: { apiVersion, kind, metadata, spec },
      });
      assert.equal(policy.code, 201, JSON.stringify(policy.body));
      const binding = await larder.client.send({
        method: 'POST',
        path: `${group}/validatingadmissionpolicybindings`,
        body: {
          apiVersion,
          kind: `${kind}Binding`,
          metadata,
          spec: { policyName: name, validationActions: ['Deny'] },
        },
      });
      assert.equal(binding.code, 201, JSON.stringify(binding.body));
    }
  }
});
