import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import type { CreateVolumeRequest } from '../../../../dataplane/csi/messages.ts';
import { Refusal } from '../../../../dataplane/csi/refusal.ts';
import { Controller } from '../../../../dataplane/drive/controller.ts';
import { CsiController } from '../../../../dataplane/drive/csi-controller.ts';
import { MemoryObjects, type Mishap } from './memory-objects.ts';
import { QuickClock, turn } from './quick-clock.ts';
import { node, used } from './shelf.ts';

const request: CreateVolumeRequest = {
  name: 'pvc-1',
  capacityRange: { requiredBytes: 2 ** 30, limitBytes: 0 },
  volumeCapabilities: [
    { mount: { fsType: 'ext4', mountFlags: [] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
  ],
  parameters: {},
  mutableParameters: {},
};
const publishing = {
  volumeId: 'pvc-1',
  nodeId: 'kube1',
  volumeCapability: request.volumeCapabilities[0] ?? null,
  readonly: false,
};

/** More calls than a life of a volume takes, so that each of them goes wrong once. */
const callsMax = 60;

describe('life of a volume through the controller', () => {
  for (const mishap of ['lost request', 'lost answer', 'conflict'] satisfies Mishap[]) {
    it(`ends as it should whichever call meets a ${mishap}`, async function () {
      this.timeout(20_000);
      for (let at = 0; at <= callsMax; at += 1) await liveWith(mishap, at);
    });
  }

  it('refuses a second node while the first has it', async () => {
    const { csi, actors } = shelf();
    using _actors = actors;
    await csi.createVolume(request);
    await csi.publish(publishing);
    await assert.rejects(csi.publish({ ...publishing, nodeId: 'kube2' }), {
      code: 'FAILED_PRECONDITION',
      message: /attached to kube1/,
    });
    await assert.rejects(csi.deleteVolume('pvc-1'), { code: 'FAILED_PRECONDITION' });
  });

  it('refuses more volumes on a node than it may have', async () => {
    const { csi, objects, actors } = shelf();
    using _actors = actors;
    for (let index = 1; index <= 64; index += 1) {
      objects.volumes.force(used(`v${index}`, { kube1: { inSync: true } }));
    }
    await csi.createVolume(request);
    await assert.rejects(csi.publish(publishing), {
      code: 'RESOURCE_EXHAUSTED',
      message: /kube1 has 64 volumes, the most that a node may: run the pod elsewhere/,
    });
    await csi.publish({ ...publishing, nodeId: 'kube2' });
  });

  it('names every node that does not do when there are fewer nodes than copies', async () => {
    const { csi, objects, actors } = shelf();
    using _actors = actors;
    objects.storageNodes.force(node('kube3', { schedulable: false }));
    await assert.rejects(csi.createVolume({ ...request, parameters: { copies: '3' } }), {
      code: 'RESOURCE_EXHAUSTED',
      message: /3 copies need 3 different nodes .* 2 can be had \(kube3 takes no new copies\)/,
    });
  });

  it('leaves nothing behind when a volume cannot be placed', async () => {
    const { csi, objects, actors } = shelf();
    using _actors = actors;
    const capacityRange = { requiredBytes: 2 ** 42, limitBytes: 0 };
    await assert.rejects(csi.createVolume({ ...request, capacityRange }), {
      code: 'RESOURCE_EXHAUSTED',
      message: /room for/,
    });
    await csi.deleteVolume('pvc-1');
    await settled(objects);
    assert.deepEqual(objects.volumes.all, []);
  });
});

/** Made, attached, detached, deleted, each asked again until it is done, as the sidecars do. */
async function liveWith(mishap: Mishap, at: number): Promise<void> {
  const { csi, objects, actors } = shelf();
  using _actors = actors;
  objects.mishap = mishap;
  objects.mishapAt = at;
  const { volumeId } = await insisting(async () => csi.createVolume(request));
  const [volume, ...others] = objects.volumes.all;
  assert.equal(others.length, 0);
  assert.equal(volume?.metadata.name, volumeId);
  assert.equal(volume.status.record?.epoch, 0);
  assert.equal(volume.status.record.members.length, 2);
  assert.equal(new Set(volume.status.places.map((place) => place.node)).size, 2);
  await insisting(async () => csi.publish(publishing));
  const attached = objects.volumes.all[0]?.status;
  assert.equal(attached?.attachedTo, 'kube1');
  assert.equal(attached.record?.lineage, volume.status.record.lineage);
  await insisting(async () => csi.unpublish(volumeId, 'kube1'));
  assert.equal(objects.volumes.all[0]?.status.attachedTo, '');
  await insisting(async () => csi.deleteVolume(volumeId));
  await settled(objects);
  assert.deepEqual(objects.volumes.all, [], `${mishap} at call ${at}`);
}

/** The end of a volume that was asked for, within a bound. */
async function settled(objects: MemoryObjects): Promise<void> {
  for (let look = 0; look < 200 && objects.volumes.all.length > 0; look += 1) await turn();
}

async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const again = ['ABORTED', 'UNAVAILABLE'];
      const transient =
        error instanceof Fault || (error instanceof Refusal && again.includes(error.code));
      if (!transient || attempt === 6) throw error;
    }
  }
}

/** Three nodes whose agents make and remove copies, and a controller that looks around. */
function shelf() {
  const objects = new MemoryObjects();
  for (const name of ['kube1', 'kube2', 'kube3']) objects.storageNodes.force(node(name));
  const clock = new QuickClock();
  let tokens = 0;
  const random = { token: () => `token-${(tokens += 1)}` };
  const log = { info: () => {}, warn: () => {} };
  const events = { tell: () => {} };
  const controller = new Controller({ objects, clock, random, log, events, now: () => 'now' });
  const csi = new CsiController({ objects, clock, random, controller });
  void controller.run();
  let living = true;
  void (async () => {
    while (living) {
      for (const volume of objects.volumes.all) {
        const { status, metadata } = volume;
        const places =
          metadata.deletionTimestamp === undefined
            ? status.places.map((place) => ({ ...place, made: true }))
            : [];
        if (JSON.stringify(places) === JSON.stringify(status.places)) continue;
        objects.volumes.force({ ...volume, status: { ...status, places } });
      }
      await turn();
    }
  })();
  const actors = {
    [Symbol.dispose]: () => {
      living = false;
      controller.stop();
    },
  };
  return { objects, csi, actors };
}
