import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
// The copies are served by this process: whoever waits for the disk in it waits for ever.
import { open, readdir, readFile, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContentSource, VolumeCapability } from '../../dataplane/csi/messages.ts';
import { labPaths } from '../../lab/base/paths.ts';
import { run } from '../../lab/base/run.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { useApiServer } from '../engine/support/api-server.ts';
import { skip } from '../support/reporter.ts';
import { OneMachine } from './support/one-machine.ts';
import { RandomCalls } from './support/random-calls.ts';
import { quietProgress } from './support/test-lab.ts';

/** What csi-sanity asks of a driver, on real volumes of two copies. */
describe('CSI driver under csi-sanity', () => {
  let machine: OneMachine | undefined;
  let program = '';
  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: it mounts file systems');
    machine = await OneMachine.start(await useApiServer(this));
    const tools = await ensureTools(['csi-sanity'], {
      progress: quietProgress,
      paths: labPaths(),
      signal: new AbortController().signal,
    });
    program = tools.get('csi-sanity')?.path ?? '';
  });
  after(async () => {
    await machine?.stop();
  });

  it('passes everything that applies to it', async function () {
    this.timeout(280_000);
    // Growing a mounted ext4 takes a capability that some machines keep from their root.
    const outcomes = await sanity(
      { machine, program },
      'mount',
      growsExt4 ? [] : ['--ginkgo.skip', grownInUse],
    );
    const skipped = outcomes.filter(({ State }) => leftOut.has(State));
    const explained = growsExt4
      ? reasons
      : [...reasons, [new RegExp(grownInUse), noCapability] as const];
    const unexplained = skipped.filter(
      ({ name }) => !explained.some(([about]) => about.test(name)),
    );
    assert.deepEqual(
      unexplained.map(({ name }) => name),
      [],
    );
    const ran = outcomes.length - skipped.length;
    assert.ok(ran >= 40, `only ${ran} ran`);
  });

  it('passes what concerns raw devices, growth in use among it', async function () {
    this.timeout(60_000);
    const outcomes = await sanity({ machine, program }, 'block', ['--ginkgo.focus', grownInUse]);
    assert.ok(outcomes.some(({ State, name }) => State === 'passed' && name.includes(grownInUse)));
  });

  it('serves all volumes of a node by one process, and replaces it under a writer', async function () {
    this.timeout(60_000);
    assert.ok(machine !== undefined);
    const written = await MountedVolume.make(machine, 'ext4', 16 * mebibyte, 'written');
    const other = await MountedVolume.make(machine, 'ext4', 16 * mebibyte, 'other');
    const before = machine.enginesPid();
    const writer = writing(path.join(written.path, 'written'));
    await machine.renewEngines('2');
    const bytes = await writer.stop();
    assert.notEqual(machine.enginesPid(), before);
    assert.deepEqual(await readFile(path.join(written.path, 'written')), bytes);
    for (const volume of [written, other]) {
      assert.ok(await machine.engines.serves(volume.volumeId), volume.volumeId);
      await volume.leave();
    }
  });

  it('leaves nothing behind after a hundred random requests', async function () {
    this.timeout(120_000);
    assert.ok(machine !== undefined);
    const seed = Number(process.env['LARDER_SEED'] ?? '1');
    const random = new RandomCalls(machine, seed);
    const done = await random.make(100);
    assert.ok(done >= 30, `only ${done} were done, seed ${seed}:\n${random.story.join('\n')}`);
    await random.putAway();
    await waitFor(
      `nothing to be left of seed ${seed}`,
      async () => {
        const left = await random.leftovers();
        if (left.length === 0) return true;
        throw new Error(left.join('\n'));
      },
      20_000,
    );
  });

  it('grows xfs under a writer, and ext4 that grew while nobody used it', async function () {
    this.timeout(60_000);
    assert.ok(machine !== undefined);
    const xfs = await MountedVolume.make(machine, 'xfs', 320 * mebibyte);
    const writer = writing(path.join(xfs.path, 'written'));
    await xfs.expand(448 * mebibyte);
    await machine.node.expand({ volumeId: xfs.volumeId, volumePath: xfs.path });
    const written = await writer.stop();
    assert.ok((await xfs.totalBytes()) > 340 * mebibyte);
    assert.deepEqual(await readFile(path.join(xfs.path, 'written')), written);
    await xfs.leave();
    const ext4 = await MountedVolume.make(machine, 'ext4', 16 * mebibyte);
    await writeFile(path.join(ext4.path, 'kept'), 'kept');
    await ext4.leave();
    await ext4.expand(64 * mebibyte);
    await ext4.use();
    assert.ok((await ext4.totalBytes()) > 32 * mebibyte);
    assert.equal(await readFile(path.join(ext4.path, 'kept'), 'utf8'), 'kept');
    await ext4.leave();
  });

  it('shows in a volume from a snapshot what was synced before it, and in a copy what is now', async function () {
    this.timeout(60_000);
    assert.ok(machine !== undefined);
    const { controller, snapshots, objects } = machine;
    const size = 16 * mebibyte;
    const source = await MountedVolume.make(machine, 'ext4', size, 'source');
    await writeSynced(path.join(source.path, 'before'));
    const { snapshotId } = await snapshots.create({
      name: 'moment',
      sourceVolumeId: source.volumeId,
      parameters: {},
    });
    await writeSynced(path.join(source.path, 'after'));
    const fromSnapshot = { snapshot: { snapshotId } };
    const restored = await MountedVolume.make(machine, 'ext4', size, 'restored', fromSnapshot);
    const fromVolume = { volume: { volumeId: source.volumeId } };
    const copy = await MountedVolume.make(machine, 'ext4', 2 * size, 'copy', fromVolume);
    const filesOf = async ({ path: at }: MountedVolume) =>
      (await readdir(at)).filter((name) => name !== 'lost+found');
    assert.deepEqual(await filesOf(restored), ['before']);
    assert.deepEqual(await filesOf(copy), ['after', 'before']);
    assert.equal(await readFile(path.join(copy.path, 'after'), 'utf8'), synced);
    assert.ok((await copy.totalBytes()) > size, 'a larger copy has a larger file system');
    for (const volume of [restored, copy, source]) await volume.leave();
    await snapshots.delete(snapshotId);
    for (const { volumeId } of [restored, copy, source]) await controller.deleteVolume(volumeId);
    await waitFor(
      'the volumes to be gone',
      async () => {
        const names = (await objects.volumes.list()).map(({ metadata }) => metadata.name);
        return !['source', 'restored', 'copy'].some((name) => names.includes(name));
      },
      20_000,
    );
  });
});

const synced = 'synced';

async function writeSynced(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(synced);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const mebibyte = 2 ** 20;
const grownInUse = 'should work if node-expand is called after node-publish';
const noCapability = 'this machine keeps CAP_SYS_RESOURCE from root: a mounted ext4 does not grow';
const growsExt4 = hasCapability(24);

/** @param bit number in capabilities(7) */
function hasCapability(bit: number): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> BigInt(bit)) & 1n) === 1n;
}

/** Runs csi-sanity; fails with its words when one of its specs does. */
async function sanity(
  { machine, program }: { readonly machine: OneMachine | undefined; readonly program: string },
  access: 'mount' | 'block',
  options: readonly string[],
): Promise<readonly Spec[]> {
  assert.ok(machine !== undefined);
  const report = path.join(machine.folder, `${access}.json`);
  const { code, stdout } = await run(
    program,
    [
      `--csi.endpoint=unix://${machine.socket}`,
      `--csi.mountdir=${path.join(machine.folder, 'target')}`,
      `--csi.stagingdir=${path.join(machine.folder, 'staging')}`,
      `--csi.testvolumesize=${16 * mebibyte}`,
      `--csi.testvolumeexpandsize=${32 * mebibyte}`,
      `--csi.testvolumeaccesstype=${access}`,
      `--ginkgo.json-report=${report}`,
      '--ginkgo.no-color',
      ...options,
    ],
    { allow: [0, 1] },
  );
  const outcomes = specsOf(report);
  const failed = outcomes.filter(({ State }) => State !== 'passed' && !leftOut.has(State));
  assert.deepEqual(
    failed.map(({ name }) => name),
    [],
    stdout.slice(-4000),
  );
  assert.equal(code, 0);
  return outcomes;
}

/** A volume through the services, as sidecars and kubelet ask for it. */
class MountedVolume {
  readonly volumeId: string;
  readonly path: string;
  readonly #machine: OneMachine;
  readonly #capability: VolumeCapability;

  private constructor(machine: OneMachine, volumeId: string, capability: VolumeCapability) {
    this.#machine = machine;
    this.volumeId = volumeId;
    this.path = path.join(machine.folder, 'used', volumeId);
    this.#capability = capability;
  }

  static async make(
    machine: OneMachine,
    fsType: string,
    requiredBytes: number,
    name = `growing-${fsType}`,
    volumeContentSource: ContentSource | null = null,
  ) {
    const accessMode = { mode: 'SINGLE_NODE_WRITER' } as const;
    const capability = { mount: { fsType, mountFlags: [] }, accessMode };
    const { volumeId } = await machine.controller.createVolume({
      name,
      capacityRange: { requiredBytes, limitBytes: 0 },
      volumeCapabilities: [capability],
      parameters: {},
      mutableParameters: {},
      volumeContentSource,
    });
    const made = new MountedVolume(machine, volumeId, capability);
    await made.use();
    return made;
  }

  /** Staged is enough: publishing is a bind mount of it. */
  async use(): Promise<void> {
    const { volumeId } = this;
    const request = { volumeId, volumeCapability: this.#capability };
    const { controller, node } = this.#machine;
    await controller.publish({ ...request, nodeId: 'kube01', readonly: false });
    await node.stage({ ...request, stagingTargetPath: this.path });
  }

  async expand(requiredBytes: number): Promise<void> {
    const capacityRange = { requiredBytes, limitBytes: 0 };
    await this.#machine.controller.expand({ volumeId: this.volumeId, capacityRange });
  }

  async totalBytes(): Promise<number> {
    const { blocks, bsize } = await statfs(this.path);
    return blocks * bsize;
  }

  async leave(): Promise<void> {
    await this.#machine.node.unstage(this.volumeId, this.path);
    await this.#machine.controller.unpublish(this.volumeId, 'kube01');
  }
}

/** Appends and syncs until it is stopped; gives what it wrote, or throws what went wrong. */
function writing(file: string): { readonly stop: () => Promise<Buffer> } {
  let stopped = false;
  const chunks: Buffer[] = [];
  const work = (async () => {
    const handle = await open(file, 'w');
    try {
      while (!stopped || chunks.length < 10) {
        const chunk = Buffer.alloc(4096, chunks.length % 251);
        await handle.writeFile(chunk);
        await handle.sync();
        chunks.push(chunk);
      }
    } finally {
      await handle.close();
    }
    return Buffer.concat(chunks);
  })();
  const stop = async () => {
    stopped = true;
    return work;
  };
  return { stop };
}

/** Why csi-sanity passes over some of its specs. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/snapshot with accessibility requirements/, 'a snapshot lies where its volume lies'],
  [/VolumeHealth|StorageHealth/, 'the health calls of CSI 1.13 are not offered yet'],
  [/ModifyVolume|attribute class/i, 'volumes have no parameters that can be changed later'],
  [/pagination should detect volumes added between pages/, 'csi-sanity itself leaves it out'],
  [/GroupController/, 'groups are not offered'],
  [/maximum number of volumes|limit/, 'the limit is tried without devices: lifecycle.spec.ts'],
  [/already published but is incompatible/, 'csi-sanity asks drivers with PUBLISH_READONLY'],
  [/SINGLE_NODE_WRITER|single/i, 'asked only of drivers without SINGLE_NODE_MULTI_WRITER'],
];

/** `pending`: csi-sanity itself leaves it out. */
const leftOut: ReadonlySet<string> = new Set(['skipped', 'pending']);

interface Spec {
  readonly State: string;
  readonly name: string;
}

function specsOf(report: string): Spec[] {
  const suites = JSON.parse(readFileSync(report, 'utf8')) as {
    SpecReports: {
      State: string;
      LeafNodeText: string;
      ContainerHierarchyTexts: string[] | null;
      LeafNodeType: string;
    }[];
  }[];
  return suites.flatMap(({ SpecReports }) =>
    SpecReports.filter(({ LeafNodeType }) => LeafNodeType === 'It').map((spec) => ({
      State: spec.State,
      name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(' '),
    })),
  );
}
