import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import type { VolumeCapability } from '../../../../dataplane/csi/messages.ts';
import { CsiNode } from '../../../../dataplane/drive/csi-node.ts';
import type { Attacher, Found, Mounted, Mounts } from '../../../../dataplane/ports/mounts.ts';
import { MemoryObjects } from '../control/memory-objects.ts';
import { QuickClock } from '../control/quick-clock.ts';
import { used, volume } from '../control/shelf.ts';

const mount: VolumeCapability = {
  mount: { fsType: 'ext4', mountFlags: [] },
  accessMode: { mode: 'SINGLE_NODE_WRITER' },
};
const staging = '/staging';
const target = '/pods/one/mount';
const stageRequest = { volumeId: 'v', stagingTargetPath: staging, volumeCapability: mount };
const publishRequest = { ...stageRequest, targetPath: target, readonly: false };

/** A kernel with one device, and a call that breaks before it happens or after. */
class Machine implements Mounts, Attacher {
  readonly mounted: Mounted[] = [];
  readonly done: string[] = [];
  content: Found = { kind: 'zero' };
  attached = false;
  calls = 0;
  breakAt = 0;
  breakAfter = false;

  async #call<T>(what: string, work: () => T): Promise<T> {
    this.calls += 1;
    const breaks = this.calls === this.breakAt;
    if (breaks && !this.breakAfter) throw broken(what);
    const result = work();
    if (breaks) throw broken(what);
    return result;
  }

  at = async (path: string) => this.mounted.findLast((each) => each.path === path);
  pathsOf = async () => this.mounted.map(({ path }) => path);
  kindOf = async () => 'folder' as const;
  deviceOf = async () => '7:1';
  makeFolder = async () => this.#call('mkdir', () => {});
  makeFile = async () => this.#call('touch', () => {});
  removeEmpty = async () => this.#call('rmdir', () => {});
  look = async () => this.content;
  grow = async (_device: string, _type: string, at?: string) =>
    this.#call('grow', () => {
      this.done.push(`grow ${at ?? 'unmounted'}`);
    });
  check = async () => this.#call('check', () => {});
  spaceOf = async () => ({
    totalBytes: 1,
    usedBytes: 0,
    availableBytes: 1,
    totalFiles: 1,
    usedFiles: 0,
  });

  mount = async (_device: string, path: string) =>
    this.#call('mount', () => {
      assert.equal(this.content.kind, 'file-system', 'only what is formatted is mounted');
      this.done.push('mount');
      this.#add(path, 'ext4');
    });

  bind = async (from: string, path: string) =>
    this.#call('bind', () => {
      const shown = this.mounted.findLast((each) => each.path === from);
      assert.ok(shown !== undefined, 'never the bare folder under a mount');
      this.#add(path, 'ext4');
    });

  unmount = async (path: string) =>
    this.#call('umount', () => {
      for (let index = this.mounted.length - 1; index >= 0; index -= 1) {
        if (this.mounted[index]?.path === path) this.mounted.splice(index, 1);
      }
    });

  format = async () =>
    this.#call('mkfs', () => {
      this.done.push('format');
      this.content = { kind: 'file-system', type: 'ext4' };
    });

  attach = async () =>
    this.#call('attach', () => {
      this.attached = true;
      return '/dev/loop1';
    });

  resize = async (_volume: string, sizeBytes: number) =>
    this.#call('resize', () => {
      this.done.push(`resize ${sizeBytes}`);
    });

  detach = async () =>
    this.#call('detach', () => {
      this.attached = false;
    });

  device = async () => (this.attached ? '/dev/loop1' : undefined);
  list = async () => (this.attached ? ['v'] : []);

  #add(path: string, fileSystem: string): void {
    this.mounted.push({ ...mountOf(path), fileSystem });
  }
}

function broken(what: string): Fault {
  return new Fault('disk.failed', `${what} did not come back`);
}

function given(status: Partial<VolumeObject['status']> = {}) {
  const objects = new MemoryObjects();
  const made = volume('v', { on: ['kube1', 'kube2'] });
  objects.volumes.force({ ...made, status: { ...made.status, attachedTo: 'kube1', ...status } });
  const machine = new Machine();
  const log = { info: () => {}, warn: () => {} };
  const ports = { objects, mounts: machine, attacher: machine, clock: new QuickClock(), log };
  return { objects, machine, csi: new CsiNode(ports, 'kube1') };
}

describe('CSI node service', () => {
  const formatted = (objects: MemoryObjects) => objects.volumes.all[0]?.status.formatted;

  it('makes a file system on a volume that never had one, and notes it before the mount', async () => {
    const { csi, machine, objects } = given();
    await csi.stage(stageRequest);
    assert.deepEqual(machine.done, ['format', 'mount']);
    assert.equal(formatted(objects), 'yes');
  });

  it('never formats what holds anything, whatever the record says', async () => {
    for (const kind of ['unknown', 'file-system'] as const) {
      const { csi, machine } = given({ formatted: 'no' });
      machine.content = kind === 'unknown' ? { kind } : { kind, type: 'xfs' };
      await assert.rejects(csi.stage(stageRequest), /was never formatted, but .* was found on it/);
      assert.deepEqual(machine.done, []);
    }
  });

  it('never formats a volume that had a file system, also when it reads as zeroes', async () => {
    const { csi, machine } = given({ formatted: 'yes' });
    await assert.rejects(csi.stage(stageRequest), /should hold ext4, but nothing but zeroes/);
    assert.deepEqual(machine.done, []);
  });

  it('begins anew where formatting was cut off before the first mount', async () => {
    const { csi, machine, objects } = given({ formatted: 'begun' });
    machine.content = { kind: 'unknown' };
    await csi.stage(stageRequest);
    assert.deepEqual(machine.done, ['format', 'mount']);
    assert.equal(formatted(objects), 'yes');
  });

  it('touches nothing of a volume that is attached elsewhere', async () => {
    const { csi, machine } = given({ attachedTo: 'kube2' });
    await assert.rejects(csi.stage(stageRequest), {
      code: 'FAILED_PRECONDITION',
      message: /attached to kube2, not to kube1/,
    });
    assert.equal(machine.calls, 0);
  });

  it('does not publish the bare folder when nothing is staged', async () => {
    const { csi, machine } = given();
    await assert.rejects(csi.publish(publishRequest), { code: 'FAILED_PRECONDITION' });
    await csi.stage(stageRequest);
    machine.mounted.length = 0; // somebody unmounted it
    await assert.rejects(csi.publish(publishRequest), { code: 'FAILED_PRECONDITION' });
    assert.deepEqual(machine.mounted, []);
  });

  it('mounts once however often it is asked', async () => {
    const { csi, machine } = given();
    for (let time = 1; time <= 3; time += 1) {
      await csi.stage(stageRequest);
      await csi.publish(publishRequest);
    }
    assert.deepEqual(
      machine.mounted.map(({ path }) => path),
      [staging, target],
    );
    assert.deepEqual(machine.done, ['format', 'mount']);
  });

  it('has nothing against being told twice that it is over, or of what never was', async () => {
    const { csi, machine } = given();
    await csi.unpublish('v', target);
    await csi.unstage('v', staging);
    await csi.stage(stageRequest);
    await csi.publish(publishRequest);
    for (let time = 1; time <= 2; time += 1) await csi.unpublish('v', target);
    for (let time = 1; time <= 2; time += 1) await csi.unstage('v', staging);
    assert.deepEqual(machine.mounted, []);
    assert.equal(machine.attached, false);
  });

  it('takes away what is left of an earlier device at the same path', async () => {
    const { csi, machine } = given();
    await csi.stage(stageRequest);
    const [left] = machine.mounted.splice(0);
    assert.ok(left !== undefined);
    machine.mounted.push({ ...left, device: '7:9' });
    await csi.stage(stageRequest);
    assert.deepEqual(
      machine.mounted.map(({ device }) => device),
      ['7:1'],
    );
  });

  it('shows the new end of the device and then grows the file system in use', async () => {
    const { csi, machine, objects } = given();
    await csi.stage(stageRequest);
    await csi.publish(publishRequest);
    machine.done.length = 0;
    grown(objects, { wanted: 2 * gibibyte, made: 2 * gibibyte });
    const request = { volumeId: 'v', volumePath: target };
    assert.deepEqual(await csi.expand(request), { capacityBytes: 2 * gibibyte });
    assert.deepEqual(machine.done, [`resize ${2 * gibibyte}`, `grow ${target}`]);
  });

  it('touches no file system before its copies have grown, and says what it waits for', async () => {
    const { csi, machine, objects } = given();
    await csi.stage(stageRequest);
    machine.done.length = 0;
    grown(objects, { wanted: 2 * gibibyte, made: gibibyte });
    await assert.rejects(csi.expand({ volumeId: 'v', volumePath: staging }), {
      code: 'UNAVAILABLE',
      message: /has 1073741824 bytes and shall get 2147483648: its copies have not grown/,
    });
    assert.deepEqual(machine.done, []);
  });

  it('fits a volume that grew while nobody used it before it is mounted', async () => {
    const { csi, machine, objects } = given({ formatted: 'yes' });
    machine.content = { kind: 'file-system', type: 'ext4' };
    grown(objects, { wanted: 2 * gibibyte, made: gibibyte });
    const engine = setImmediate(() => {
      grown(objects, { wanted: 2 * gibibyte, made: 2 * gibibyte });
    });
    await csi.stage(stageRequest);
    clearImmediate(engine);
    assert.deepEqual(machine.done, [`resize ${2 * gibibyte}`, 'grow unmounted', 'mount']);
  });

  it('refuses to grow what is not here', async () => {
    const { csi } = given();
    const request = { volumeId: 'v', volumePath: target };
    await assert.rejects(csi.expand(request), { code: 'NOT_FOUND', message: /not at \/pods/ });
    await assert.rejects(csi.expand({ ...request, volumePath: '' }), { code: 'INVALID_ARGUMENT' });
    const elsewhere = given({ attachedTo: 'kube2' });
    elsewhere.machine.mounted.push(mountOf(target));
    await assert.rejects(elsewhere.csi.expand(request), { code: 'FAILED_PRECONDITION' });
  });

  it('takes no device from under a mount when it is asked out of order', async () => {
    const { csi, machine } = given();
    await csi.stage(stageRequest);
    await csi.publish(publishRequest);
    const message = new RegExp(`still mounted at ${target}`);
    await assert.rejects(csi.unstage('v', staging), { code: 'FAILED_PRECONDITION', message });
    assert.equal(machine.mounted.length, 2);
    assert.equal(machine.attached, true);
  });

  for (const breakAfter of [false, true]) {
    it(`gets there when any one step ${breakAfter ? 'is not answered' : 'fails'} and is asked again`, async () => {
      for (let breakAt = 1; breakAt <= 24; breakAt += 1) {
        const { csi, machine, objects } = given();
        Object.assign(machine, { breakAt, breakAfter });
        await twice(async () => csi.stage(stageRequest));
        await twice(async () => csi.publish(publishRequest));
        assert.deepEqual(
          machine.mounted.map(({ path }) => path),
          [staging, target],
        );
        assert.equal(formatted(objects), 'yes');
        await twice(async () => csi.unpublish('v', target));
        await twice(async () => csi.unstage('v', staging));
        assert.deepEqual(machine.mounted, []);
        assert.equal(machine.attached, false);
      }
    });
  }
});

const gibibyte = 2 ** 30;

/** The owner wants the volume `wanted`, and its engine has made it `made`. */
function grown(objects: MemoryObjects, bytes: { readonly wanted: number; readonly made: number }) {
  const [now] = objects.volumes.all;
  const record = now?.status.record ?? used('v', { kube1: { inSync: true } }).status.record;
  assert.ok(now !== undefined && record !== undefined);
  objects.volumes.force({
    ...now,
    spec: { ...now.spec, sizeBytes: bytes.wanted },
    status: { ...now.status, record: { ...record, sizeBytes: bytes.made } },
  });
}

function mountOf(path: string): Mounted {
  return { path, device: '7:1', fileSystem: 'ext4', root: '/', readOnly: false };
}

async function twice(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    await ask();
  }
}
