import assert from 'node:assert/strict';
import type { VolumeObject } from '../../../dataplane/control/objects.ts';
import { summaryOf } from '../../../dataplane/control/summary.ts';
import { parseArguments } from '../../../operator/arguments.ts';
import type { Outcome } from '../../../operator/outcome.ts';
import { run } from '../../../operator/run.ts';
import { QuickClock } from '../dataplane/control/quick-clock.ts';
import { node, used } from '../dataplane/control/shelf.ts';
import { Listener, MemoryView, pod } from './memory-view.ts';

const nodes = [node('kube1'), node('kube2'), node('kube3')];
const inSync = { inSync: true };

/** With what the controller says of it. */
function said(volume: VolumeObject, shelf = nodes): VolumeObject {
  return { ...volume, status: { ...volume.status, ...summaryOf(volume, shelf) } };
}

const safe = said(used('vol-safe', { kube1: inSync, kube2: inSync }));
const behind = said(used('vol-behind', { kube1: inSync, kube3: { inSync: false } }));

async function larder(line: string, view: MemoryView): Promise<Outcome> {
  const wanted = parseArguments(line.split(' '));
  assert.ok(wanted !== 'help');
  return run(wanted, { view, clock: new QuickClock(), person: new Listener() });
}

const text = ({ lines }: Outcome) => lines.join('\n');

/** Commands that only look. */
describe("operator's look", () => {
  it('says first that all is well when it is', async () => {
    const found = await larder('status', new MemoryView(nodes, [safe]));
    assert.equal(found.code, 0);
    assert.match(text(found), /^Cluster shelf: the only volume is safe\.\n/);
    assert.doesNotMatch(text(found), /Next:/);
  });

  it('names the volume that needs somebody, by its claim, and the next command', async () => {
    const view = new MemoryView(nodes, [safe, behind]);
    view.claimed = [{ volume: 'vol-behind', claim: 'apps/postgres' }];
    const found = await larder('status', view);
    assert.equal(found.code, 3);
    assert.match(text(found), /1 of 2 volumes is not safe\./);
    assert.match(text(found), /apps\/postgres +Degraded +1\/2 +1 GiB +kube1 +The copy on kube3/);
    assert.match(text(found), /Next: npm run larder -- volume apps\/postgres$/);
  });

  it('sends to recover when a volume is out of reach, before all others', async () => {
    const dark = [node('kube1'), node('kube2', { health: 'Unknown' }), node('kube3')];
    const away = said(used('vol-away', { kube2: inSync, kube1: { inSync: false } }), dark);
    const found = await larder('status', new MemoryView(dark, [said(behind, dark), away]));
    assert.match(text(found), /2 of 2 volumes are not safe, 1 of them out of reach\. 1 of 3 nodes/);
    assert.match(text(found), /Next: npm run larder -- recover vol-away$/);
  });

  it('counts what is well on a large shelf and lists what is not', async () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      said(used(`vol-${index}`, { kube1: inSync, kube2: inSync })),
    );
    const found = await larder('status', new MemoryView(nodes, [...many, behind]));
    assert.match(text(found), /vol-behind/);
    assert.doesNotMatch(text(found), /vol-12/);
    assert.match(text(found), /and 30 volumes more, all Safe/);
  });

  it('gives programs the same facts', async () => {
    const { facts } = await larder('status', new MemoryView(nodes, [behind]));
    const { volumes } = facts as { volumes: readonly { name: string; safety: string }[] };
    assert.deepEqual(
      volumes.map(({ name, safety }) => [name, safety]),
      [['vol-behind', 'Degraded']],
    );
  });

  it('tells of an empty cluster that it is empty', async () => {
    const found = await larder('status', new MemoryView([], []));
    assert.match(text(found), /there is no storage node and no volume yet/);
    assert.equal(found.code, 0);
  });

  it('explains one volume: every copy, where it lies and how it is', async () => {
    const found = await larder('volume vol-behind', new MemoryView(nodes, [behind]));
    assert.match(text(found), /^Volume vol-behind: 1 GiB, 1\/2 copies in sync\n/);
    assert.match(
      text(found),
      /an ext4 file system, 2 copies wanted on different nodes; used on kube1\./,
    );
    assert.match(text(found), /kube1 +disk +in sync +yes +m1 +\/mnt\/disk/);
    assert.match(text(found), /kube3 +disk +behind +yes +m2 +\/mnt\/disk/);
    assert.equal(found.code, 3);
  });

  it('finds a volume by its claim, with and without the namespace', async () => {
    const view = new MemoryView(nodes, [safe, behind]);
    view.claimed = [{ volume: 'vol-safe', claim: 'apps/gitea' }];
    assert.match(text(await larder('volume apps/gitea', view)), /^Volume apps\/gitea \(vol-safe\)/);
    assert.match(text(await larder('volume gitea', view)), /^Volume apps\/gitea \(vol-safe\)/);
  });

  it('asks which one when two namespaces have a claim of the name', async () => {
    const view = new MemoryView(nodes, [safe, behind]);
    view.claimed = [
      { volume: 'vol-safe', claim: 'apps/data' },
      { volume: 'vol-behind', claim: 'home/data' },
    ];
    await assert.rejects(larder('volume data', view), {
      message: 'data is the claim of 2 volumes.',
      hint: 'Say which: apps/data, home/data',
    });
  });

  it('suggests what was perhaps meant when a volume is not there', async () => {
    const view = new MemoryView(nodes, [safe]);
    view.claimed = [{ volume: 'vol-safe', claim: 'apps/postgres' }];
    await assert.rejects(larder('volume postgers', view), {
      message: 'The cluster shelf has no volume postgers.',
      hint: /^Did you mean postgres\?/,
    });
  });

  it('explains one node: its disks, its copies, and what it takes', async () => {
    const found = await larder('node kube1', new MemoryView(nodes, [safe, behind]));
    assert.match(text(found), /^Node kube1: Ready\.\n {2}It takes new copies\./);
    assert.match(text(found), /disk +\/mnt\/disk +100 GiB +100 GiB +93 GiB/);
    assert.match(text(found), /vol-behind +disk +in sync +Degraded/);
    assert.equal(found.code, 0);
  });

  it('lists nodes and volumes when none is named', async () => {
    const view = new MemoryView([node('kube1', { evacuate: true })], [safe]);
    assert.match(
      text(await larder('node', view)),
      /kube1 +Ready +1 +1 GiB of 100 GiB +being emptied/,
    );
    assert.match(text(await larder('volume', view)), /vol-safe +Safe +2\/2/);
  });

  it('finds nothing wrong where every part is there', async () => {
    const found = await larder('doctor', new MemoryView(nodes, [safe]));
    assert.doesNotMatch(text(found), /BAD/);
    assert.match(text(found), /every part is there and well\.$/);
    assert.equal(found.code, 0);
  });

  for (const [what, change, finding, toDo] of [
    [
      'nobody leads',
      (view) => (view.led = undefined),
      /BAD {2}controller: none has ever led\./,
      /logs deploy\/larder-controller/,
    ],
    [
      'the leader is silent',
      (view) => (view.led = { holder: 'controller-a', saidMs: 90_000 }),
      /controller-a has led, and is silent for 90 s/,
      /logs deploy\/larder-controller/,
    ],
    [
      'no controller runs',
      (view) => (view.ownPods = view.ownPods.filter(({ part }) => part === 'node')),
      /no pod larder-controller exists\. Volumes in use go on/,
      /npm run up/,
    ],
    [
      'a node has no pod',
      (view) => (view.ownPods = view.ownPods.filter(({ node }) => node !== 'kube2')),
      /no pod larder-node on kube2/,
      /describe daemonset/,
    ],
    [
      'a pod does not start',
      (view) => view.ownPods.push(pod({ name: 'p', node: 'kube3', ready: false, why: 'crashes' })),
      /pod on kube3: p is not ready: crashes/,
      /logs p --all-containers/,
    ],
    [
      'two versions run',
      (view) => view.ownPods.push(pod({ image: 'larder:2' })),
      /two versions run side by side: .*1 pod larder:2/,
      /rollout status/,
    ],
    [
      'a kubelet does not know the driver',
      (view) =>
        (view.clusterNodes = view.clusterNodes.map((each) => ({ ...each, hasDriver: false }))),
      /the kubelet of kube1, kube2, kube3 does not know csi\.larder\.dev/,
      /log of the container csi/,
    ],
    [
      'a declared node is none of the cluster',
      (view) => (view.clusterNodes = view.clusterNodes.slice(1)),
      /storage node kube1: Kubernetes has no node of this name/,
      /inventory/,
    ],
    [
      'somebody bent an object',
      (view) => (view.bent = ['The Volume v is not as it should be: spec.copies']),
      /BAD {2}objects: The Volume v is not as it should be/,
      /kubectl edit/,
    ],
  ] satisfies [string, (view: MemoryView) => unknown, RegExp, RegExp][]) {
    it(`finds and says what to do when ${what}`, async () => {
      const view = new MemoryView(nodes, [safe]);
      change(view);
      const found = await larder('doctor', view);
      assert.match(text(found), finding);
      assert.match(text(found), toDo);
      assert.equal(found.code, 3);
    });
  }

  for (const [line, message] of [
    ['stauts', /no command stauts.*/],
    ['drain', /drain needs the name of a node/],
    ['recover', /recover needs the name of a volume/],
    ['volume a b', /volume takes one name; got 2/],
    ['status kube1', /status is about the whole cluster/],
    ['status --undo', /--undo belongs to drain/],
    ['volume --frobnicate', /--frobnicate/],
  ] satisfies [string, RegExp][]) {
    it(`refuses the line "${line}" in words`, () => {
      assert.throws(() => parseArguments(line.split(' ')), { code: 'input.invalid', message });
    });
  }
});
