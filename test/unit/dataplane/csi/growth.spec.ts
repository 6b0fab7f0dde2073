import assert from 'node:assert/strict';
import { Controller } from '../../../../dataplane/drive/controller.ts';
import { CsiController } from '../../../../dataplane/drive/csi-controller.ts';
import { MemoryObjects } from '../control/memory-objects.ts';
import { QuickClock } from '../control/quick-clock.ts';
import { node, used, volume } from '../control/shelf.ts';

const gibibyte = 2 ** 30;
const to = (requiredBytes: number, limitBytes = 0) => ({
  volumeId: 'v',
  capacityRange: { requiredBytes, limitBytes },
});

/** A used volume of 1 GiB on two disks of 10 GiB. */
function given() {
  const objects = new MemoryObjects();
  for (const name of ['kube1', 'kube2']) objects.storageNodes.force(node(name, { gib: 10 }));
  objects.volumes.force(used('v', { kube1: { inSync: true }, kube2: { inSync: true } }));
  const clock = new QuickClock();
  const log = { info: () => {}, warn: () => {} };
  const random = { token: () => 't' };
  const events = { tell: () => {} };
  const controller = new Controller({ objects, clock, random, log, events, now: () => 'now' });
  const wanted = () =>
    objects.volumes.all.find(({ metadata }) => metadata.name === 'v')?.spec.sizeBytes;
  return { objects, csi: new CsiController({ objects, clock, random, controller }), wanted };
}

describe('growth of a volume', () => {
  it('is wanted from then on, in whole blocks, however often it is asked for', async () => {
    const { csi, wanted } = given();
    for (let time = 1; time <= 2; time += 1) {
      assert.deepEqual(await csi.expand(to(2 * gibibyte - 1)), {
        capacityBytes: 2 * gibibyte,
        nodeExpansionRequired: true,
      });
    }
    assert.equal(wanted(), 2 * gibibyte);
  });

  it('leaves a volume alone that is as large already', async () => {
    const { csi, wanted } = given();
    assert.equal((await csi.expand(to(4 * 2 ** 20))).capacityBytes, gibibyte);
    assert.equal(wanted(), gibibyte);
  });

  it('is asked for again when somebody wrote meanwhile', async () => {
    const { csi, objects, wanted } = given();
    Object.assign(objects, { mishap: 'conflict', mishapAt: 3 });
    await assert.rejects(csi.expand(to(2 * gibibyte)), { code: 'ABORTED' });
    await csi.expand(to(2 * gibibyte));
    assert.equal(wanted(), 2 * gibibyte);
  });

  it('is refused with the disks that have no room, and promises nothing', async () => {
    const { csi, objects, wanted } = given();
    objects.volumes.force(volume('other', { gib: 7, on: ['kube2'] }));
    await assert.rejects(csi.expand(to(4 * gibibyte)), {
      code: 'OUT_OF_RANGE',
      message:
        /v cannot grow: each copy needs 3\.0 GiB more, and kube2 disk disk has room for 1\.5 GiB more: free some/,
    });
    assert.equal(wanted(), gibibyte);
  });

  it('is refused where it would be a shrinking, or more than a volume can be', async () => {
    const { csi } = given();
    await assert.rejects(csi.expand(to(4 * 2 ** 20, 8 * 2 ** 20)), {
      code: 'OUT_OF_RANGE',
      message: /v has 1073741824 bytes; a volume never shrinks to 8388608/,
    });
    await assert.rejects(csi.expand(to(2 ** 50)), {
      code: 'OUT_OF_RANGE',
      message: /4194304 to 17592186044416 bytes/,
    });
  });

  it('is refused of nothing', async () => {
    const { csi } = given();
    await assert.rejects(csi.expand({ ...to(gibibyte), volumeId: 'w' }), { code: 'NOT_FOUND' });
    await assert.rejects(csi.expand({ ...to(gibibyte), volumeId: '' }), {
      code: 'INVALID_ARGUMENT',
    });
    await assert.rejects(csi.expand({ volumeId: 'v' }), { code: 'INVALID_ARGUMENT' });
  });
});
