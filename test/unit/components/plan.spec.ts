import assert from 'node:assert/strict';
import { planOf } from '../../../components/plan/plan.ts';
import { renderPlan } from '../../../components/plan/render.ts';
import type {
  PlanBackup,
  PlanDisk,
  PlanNode,
  PlanSubject,
  PlanTier,
  PlanVolume,
} from '../../../components/plan/subject.ts';
import { describeEffects, failureTitle } from '../../../components/plan/words.ts';

const gib = 1024 ** 3;

/** The Orange Pi shelf of the scenarios: four equal nodes, one switch, two circuits, a NAS. */
function shelf(more: Partial<PlanTier> = {}) {
  const disk = (node: string, capacityBytes: number | undefined = 100 * gib): PlanDisk => ({
    node,
    name: 'nvme',
    kind: 'nvme',
    path: '/mnt/nvme',
    capacityBytes,
  });
  const nodes = ['kube01', 'kube02', 'kube03', 'kube04'].map(
    (name, index): PlanNode => ({
      name,
      shared: { switch: 'desk', circuit: index < 2 ? 'left' : 'right' },
      disks: [disk(name)],
    }),
  );
  const disks = nodes.flatMap((node) => node.disks);
  const tier = (name: string, its: Partial<PlanTier>): PlanTier => ({
    name,
    engine: name,
    placement: 'spread',
    copies: 2,
    spread: 'node',
    disks,
    server: undefined,
    isKept: true,
    ...its,
  });
  const tiers = {
    replicated: tier('replicated', more),
    local: tier('local', { placement: 'placed', copies: 1 }),
    scratch: tier('scratch', { placement: 'first-pod', copies: 1, isKept: false }),
    nas: tier('nas', { placement: 'server', copies: 1, disks: [], server: 'truenas' }),
  };
  return { nodes, disks, tiers };
}

function subject(
  { nodes, tiers }: ReturnType<typeof shelf>,
  volumes: readonly PlanVolume[],
): PlanSubject {
  const truenas = { name: 'truenas', shared: { switch: 'rack' }, capacityBytes: undefined };
  return { stack: 'orange', nodes, servers: [truenas], tiers: Object.values(tiers), volumes };
}

const volume = (name: string, tier: PlanTier, sizeGib: number, more: Partial<PlanVolume> = {}) => ({
  name,
  tier,
  sizeBytes: sizeGib * gib,
  disk: undefined,
  backups: [],
  ...more,
});

/** What a failure does, by its title. */
function effects(of: PlanSubject, title: string): string[] {
  const report = planOf(of).failures.find(({ failure }) => failureTitle(failure) === title);
  assert.ok(report, `${title} is looked at`);
  return describeEffects(report, of.volumes.length);
}

describe('plan', () => {
  const anotherTown = { name: 'another town', server: undefined, isOffSite: true };
  const dumpOn = (place: PlanBackup['place']): PlanBackup => ({
    what: 'newest dump',
    place,
    recoveryPoint: 'a day',
  });

  it('keeps a volume of two copies running through any one node, disk or circuit', () => {
    const on = shelf();
    const plan = subject(on, [volume('loki', on.tiers.replicated, 50)]);
    const runsOn = 'loki: with a copy there, a pause of seconds, then on with one copy';
    for (const title of ['node kube03 stops', 'disk kube03/nvme dies'])
      assert.deepEqual(effects(plan, title), [runsOn]);
    // Both copies may be on the two nodes of a circuit.
    assert.deepEqual(effects(plan, 'circuit left loses power'), [
      'loki: with a copy there, away until it is back, nothing lost',
    ]);
    assert.deepEqual(effects(plan, 'switch desk fails'), [
      'loki: away until it is back, nothing lost',
    ]);
    assert.deepEqual(effects(plan, 'the site burns down'), [
      'loki: LOST, and nothing to restore it from',
    ]);
  });

  it('keeps a volume running through a circuit when its copies are on different ones', () => {
    const on = shelf({ spread: 'circuit' });
    const plan = subject(on, [volume('loki', on.tiers.replicated, 50)]);
    // One copy is on each circuit: which node of it has it, nobody knows.
    assert.deepEqual(effects(plan, 'circuit left loses power'), [
      'loki: a pause of seconds, then on with one copy',
    ]);
    assert.deepEqual(effects(plan, 'node kube03 stops'), [
      'loki: with a copy there, a pause of seconds, then on with one copy',
    ]);
    assert.deepEqual(effects(plan, 'switch desk fails'), [
      'loki: away until it is back, nothing lost',
    ]);
  });

  it('restores a lost volume from the first backup that the same failure leaves', () => {
    const on = shelf();
    const [first, second] = on.disks;
    assert.ok(first && second);
    const backups = [dumpOn(first), dumpOn(second), dumpOn(anotherTown)];
    const plan = subject(on, [volume('db', on.tiers.local, 10, { disk: first, backups })]);
    assert.deepEqual(effects(plan, 'disk kube01/nvme dies'), [
      'db: lost; restore the newest dump from kube02/nvme, up to a day old',
    ]);
    assert.deepEqual(effects(plan, 'the site burns down'), [
      'db: lost; restore the newest dump from another town, up to a day old',
    ]);
    assert.deepEqual(effects(plan, 'disk kube02/nvme dies'), [
      'db: the backups there are lost, the data are not',
    ]);
    assert.deepEqual(effects(plan, 'node kube02 stops'), ['db: no backups meanwhile']);
    assert.deepEqual(effects(plan, 'node kube04 stops'), ['nothing']);
  });

  it('does not count on a backup of which nobody knows whether it outlives the house', () => {
    const on = shelf();
    const maybe = { name: 's3://somewhere', server: undefined, isOffSite: undefined };
    const here = { name: 'nfs://truenas', server: 'truenas', isOffSite: false };
    const of = (...backups: PlanBackup[]) =>
      subject(on, [volume('loki', on.tiers.replicated, 1, { backups })]);
    const newest = 'loki: lost; restore the newest dump from';
    assert.deepEqual(effects(of(dumpOn(maybe)), 'the site burns down'), [
      `${newest} s3://somewhere, up to a day old, if that is in another house`,
    ]);
    assert.deepEqual(effects(of(dumpOn(maybe), dumpOn(anotherTown)), 'the site burns down'), [
      `${newest} another town, up to a day old`,
    ]);
    assert.deepEqual(effects(of(dumpOn(here)), 'the site burns down'), [
      'loki: LOST, and nothing to restore it from',
    ]);
    assert.deepEqual(effects(of(dumpOn(here)), 'server truenas stops'), [
      'loki: no backups meanwhile',
    ]);
  });

  it('tells what a server beside the nodes takes along, and a switch between them', () => {
    const on = shelf();
    const plan = subject(on, [
      volume('media', on.tiers.nas, 900),
      volume('cache', on.tiers.scratch, 1),
    ]);
    assert.deepEqual(effects(plan, 'server truenas stops'), [
      'media: away until it is back, nothing lost',
    ]);
    assert.deepEqual(effects(plan, 'switch rack fails'), [
      'media: away until it is back, nothing lost',
    ]);
    assert.deepEqual(effects(plan, 'switch desk fails'), [
      'media: for pods behind it, away until it is back, nothing lost',
      'cache: works on its own node, out of reach of others',
    ]);
    assert.deepEqual(effects(plan, 'disk kube01/nvme dies'), [
      'cache: if it is there, lost, as scratch may be',
    ]);
  });

  it('warns of what is lost for good, first', () => {
    const on = shelf();
    const [disk] = on.disks;
    assert.ok(disk);
    const { attention } = planOf(
      subject(on, [
        volume('git', on.tiers.local, 10, { disk }),
        volume('db', on.tiers.local, 10, { disk, backups: [dumpOn(disk)] }),
        volume('safe', on.tiers.replicated, 10, { backups: [dumpOn(anotherTown)] }),
        volume('tmp', on.tiers.scratch, 10),
      ]),
    );
    assert.deepEqual(attention, [
      'git and db: one dead disk loses it for good. Give it more copies or a backup.',
    ]);
  });

  it('warns when copies cannot be made again after a node is gone', () => {
    const on = shelf({ copies: 3 });
    const { attention } = planOf(
      subject(on, [volume('loki', on.tiers.replicated, 110, { backups: [dumpOn(anotherTown)] })]),
    );
    assert.deepEqual(attention, [
      'The tier replicated cannot heal by itself when its worst node is gone: 110 GiB promised, room for 100 GiB in 3 copies on the others. Until the node is back, a second failure may lose data.',
    ]);
  });

  it('warns of what does not fit, on a disk, in a tier and in all tiers together', () => {
    const backups = [dumpOn(anotherTown)];
    const on = shelf();
    const [disk] = on.disks;
    assert.ok(disk);
    const attention = (...volumes: PlanVolume[]) => planOf(subject(on, volumes)).attention;
    assert.deepEqual(attention(volume('db', on.tiers.local, 120, { disk, backups })), [
      'kube01/nvme promises 120 GiB and has 100 GiB.',
    ]);
    assert.deepEqual(attention(volume('loki', on.tiers.replicated, 201, { backups })), [
      'The tier replicated promises 201 GiB and has room for 200 GiB in 2 copies.',
    ]);
    assert.deepEqual(
      attention(
        volume('loki', on.tiers.replicated, 150, { backups }),
        volume('tmp', on.tiers.scratch, 150),
      ),
      ['All tiers together take 450 GiB, and their disks have 400 GiB.'],
    );
  });

  it('warns when fewer nodes than copies serve a tier', () => {
    const on = shelf();
    const one = { ...on.tiers.replicated, disks: on.disks.slice(0, 1) };
    const { attention } = planOf(subject({ ...on, tiers: { ...on.tiers, replicated: one } }, []));
    assert.deepEqual(attention, [
      'The tier replicated wants 2 copies on different nodes, and one node serves it.',
    ]);
  });

  it('says which sizes it was not given', () => {
    const on = shelf();
    const nodes = on.nodes.map((node) => ({
      ...node,
      disks: node.disks.map((disk) => ({ ...disk, capacityBytes: undefined })),
    }));
    const disks = nodes.flatMap((node) => node.disks);
    const tiers = { ...on.tiers, replicated: { ...on.tiers.replicated, disks } };
    const text = renderPlan(planOf(subject({ ...on, nodes, tiers }, [])));
    assert.match(text, /replicated +replicated +2 copies +0 GiB +0 GiB +\? +\? +one failure/);
    assert.match(text, /The capacity of kube01\/nvme, kube02\/nvme, kube03\/nvme and kube04\/nvme/);
  });
});
