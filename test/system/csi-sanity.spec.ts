import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { labPaths } from '../../lab/base/paths.ts';
import { run } from '../../lab/base/run.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { useApiServer } from '../engine/support/api-server.ts';
import { skip } from '../support/reporter.ts';
import { OneMachine } from './support/one-machine.ts';
import { quietProgress } from './support/test-lab.ts';

/** What csi-sanity asks of a driver, on real volumes of two copies. */
describe('CSI driver under csi-sanity', () => {
  let machine: OneMachine | undefined;
  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: it mounts file systems');
    machine = await OneMachine.start(await useApiServer(this));
  });
  after(async () => {
    await machine?.stop();
  });

  it('passes everything that applies to it', async function () {
    this.timeout(280_000);
    assert.ok(machine !== undefined);
    const tools = await ensureTools(['csi-sanity'], {
      progress: quietProgress,
      paths: labPaths(),
      signal: new AbortController().signal,
    });
    const program = tools.get('csi-sanity')?.path ?? '';
    const report = path.join(machine.folder, 'report.json');
    const { code, stdout } = await run(
      program,
      [
        `--csi.endpoint=unix://${machine.socket}`,
        `--csi.mountdir=${path.join(machine.folder, 'target')}`,
        `--csi.stagingdir=${path.join(machine.folder, 'staging')}`,
        `--csi.testvolumesize=${16 * 2 ** 20}`,
        '--csi.testvolumeexpandsize=33554432',
        `--ginkgo.json-report=${report}`,
        '--ginkgo.no-color',
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
    const skipped = outcomes.filter(({ State }) => leftOut.has(State));
    const unexplained = skipped.filter(({ name }) => !reasons.some(([about]) => about.test(name)));
    assert.deepEqual(
      unexplained.map(({ name }) => name),
      [],
    );
    assert.ok(
      outcomes.length - skipped.length >= 40,
      `only ${outcomes.length - skipped.length} ran`,
    );
  });
});

/** Why csi-sanity passes over some of its specs. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/[Ss]napshot/, 'snapshots are not offered yet'],
  [/Expand|expand/, 'volumes do not grow yet'],
  [/VolumeHealth|StorageHealth/, 'the health calls of CSI 1.13 are not offered yet'],
  [/ModifyVolume|attribute class/i, 'volumes have no parameters that can be changed later'],
  [/pagination should detect volumes added between pages/, 'csi-sanity itself leaves it out'],
  [/GroupController/, 'groups are not offered'],
  [/maximum number of volumes|limit/, 'no limit of volumes on a node'],
  [/from (an )?(existing )?(source )?(snapshot|volume)|clone|source/i, 'volumes are made empty'],
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
