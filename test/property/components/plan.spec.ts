import assert from 'node:assert/strict';
import fc from 'fast-check';
import { capacityOf, spreadBytes } from '../../../components/plan/capacity.ts';
import { failuresOf, reportOf } from '../../../components/plan/failures.ts';
import { planOf } from '../../../components/plan/plan.ts';
import { renderPlan } from '../../../components/plan/render.ts';
import type {
  Placement,
  PlanDisk,
  PlanNode,
  PlanSubject,
  PlanTier,
  PlanVolume,
} from '../../../components/plan/subject.ts';

/** Places blocks one by one, each copy on the node with the most room: slow, and plainly right. */
function placeBlocks(nodes: readonly number[], copies: number): number {
  const room = [...nodes];
  for (let blocks = 0; ; blocks += 1) {
    const largest = room
      .map((_, node) => node)
      .toSorted((a, b) => (room[b] ?? 0) - (room[a] ?? 0))
      .slice(0, copies);
    if (largest.length < copies || largest.some((node) => (room[node] ?? 0) < 1)) return blocks;
    for (const node of largest) room[node] = (room[node] ?? 0) - 1;
  }
}

const nodeSizes = fc.array(fc.nat({ max: 40 }), { minLength: 0, maxLength: 7 });
const copies = fc.integer({ min: 1, max: 4 });

const placements: readonly Placement[] = ['placed', 'first-pod', 'spread', 'server'];

/** Shelves of up to five nodes with up to two disks, tiers of every placement, some volumes. */
const subjects: fc.Arbitrary<PlanSubject> = fc
  .record({
    nodes: fc.array(
      fc.record({
        disks: fc.array(fc.option(fc.nat({ max: 1000 }), { nil: undefined }), { maxLength: 2 }),
        circuit: fc.constantFrom(undefined, 'a', 'b'),
        site: fc.constantFrom(undefined, 'home'),
        shelf: fc.constantFrom(undefined, 'top'),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    tierCopies: copies,
    spread: fc.constantFrom('node', 'circuit'),
    volumes: fc.array(
      fc.record({
        placement: fc.constantFrom(...placements),
        size: fc.integer({ min: 1, max: 500 }),
        seat: fc.nat(),
        backup: fc.constantFrom('none', 'disk', 'elsewhere'),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ nodes: drawn, tierCopies, spread, volumes }) => {
    const nodes = drawn.map(({ disks, circuit, site, shelf }, index): PlanNode => {
      const name = `n${index}`;
      const shared = {
        ...(circuit === undefined ? {} : { circuit }),
        ...(site === undefined ? {} : { site }),
        shelf,
      };
      return {
        name,
        shared,
        disks: disks.map((capacityBytes, disk) => ({
          node: name,
          name: `d${disk}`,
          kind: 'ssd',
          path: `/mnt/d${disk}`,
          capacityBytes,
        })),
      };
    });
    const disks = nodes.flatMap((node) => node.disks);
    const seat = (at: number): PlanDisk | undefined =>
      disks.length === 0 ? undefined : disks[at % disks.length];
    const tiers = placements.map(
      (placement): PlanTier => ({
        name: placement,
        engine: placement,
        placement,
        copies: placement === 'spread' ? tierCopies : 1,
        spread,
        disks: placement === 'server' ? [] : disks,
        server: placement === 'server' ? 'nas' : undefined,
        isKept: true,
      }),
    );
    return {
      stack: 'drawn',
      nodes,
      servers: [{ name: 'nas', shared: {}, capacityBytes: 1000 }],
      tiers,
      volumes: volumes.flatMap((volume, index): PlanVolume[] => {
        const tier = tiers.find(({ placement }) => placement === volume.placement);
        const disk = volume.placement === 'placed' ? seat(volume.seat) : undefined;
        if (tier === undefined || (volume.placement === 'placed' && disk === undefined)) return [];
        const away = { name: 'away', server: undefined, isOffSite: volume.seat % 2 === 0 };
        const place = volume.backup === 'disk' ? seat(volume.seat + 1) : away;
        const backups =
          volume.backup === 'none' || place === undefined
            ? []
            : [{ what: 'dump', place, recoveryPoint: 'a day' }];
        return [{ name: `v${index}`, tier, sizeBytes: volume.size, disk, backups }];
      }),
    };
  });

/** Every choice of so many nodes of which no two share what the tier keeps apart. */
function placementsOf(subject: PlanSubject, { copies, spread, disks }: PlanTier): PlanNode[][] {
  const able = subject.nodes.filter(({ name }) => disks.some(({ node }) => node === name));
  const domainOf = ({ name, shared }: PlanNode) => (spread === 'node' ? name : shared[spread]);
  const choose = (from: readonly PlanNode[], count: number): PlanNode[][] =>
    count === 0
      ? [[]]
      : from.flatMap((node, index) => {
          const apart = from.slice(index + 1).filter((other) => domainOf(other) !== domainOf(node));
          return choose(apart, count - 1).map((rest) => [node, ...rest]);
        });
  return choose(able, copies);
}

describe('plan', () => {
  it('judges a spread volume as the worst of all placements of its copies', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        for (const failure of failuresOf(subject)) {
          if (failure.kind !== 'node' && failure.kind !== 'circuit') continue;
          for (const { volume, effect, isCertain } of reportOf(subject, failure).effects) {
            if (volume.tier.placement !== 'spread') continue;
            const isHit = ({ name, shared }: PlanNode): boolean =>
              failure.kind === 'node' ? name === failure.name : shared.circuit === failure.name;
            const left: number[] = placementsOf(subject, volume.tier).map(
              (nodes) => nodes.filter((node) => !isHit(node)).length,
            );
            // Too few nodes or circuits: refused elsewhere.
            if (left.length === 0) continue;
            const worst = Math.min(...left);
            const told =
              effect.kind === 'untouched'
                ? volume.tier.copies
                : effect.kind === 'runs-on'
                  ? effect.copiesLeft
                  : 0;
            assert.equal(told, worst);
            assert.equal(isCertain, worst === Math.max(...left));
          }
        }
      }),
    );
  });

  it('counts the room for copies as a placement block by block does', () => {
    fc.assert(
      fc.property(nodeSizes, copies, (nodes, count) => {
        assert.equal(spreadBytes(nodes, count), placeBlocks(nodes, count));
      }),
    );
  });

  it('never finds more room with a copy more, a node less or a smaller disk', () => {
    fc.assert(
      fc.property(nodeSizes, copies, fc.nat(), (nodes, count, at) => {
        const room = spreadBytes(nodes, count);
        assert.ok(spreadBytes(nodes, count + 1) <= room);
        if (nodes.length === 0) return;
        const index = at % nodes.length;
        assert.ok(spreadBytes(nodes.toSpliced(index, 1), count) <= room);
        assert.ok(
          spreadBytes(nodes.with(index, Math.floor((nodes[index] ?? 0) / 2)), count) <= room,
        );
        assert.ok(room * count <= nodes.reduce((sum, bytes) => sum + bytes, 0));
      }),
    );
  });

  it('accounts for every byte of every disk, and for each volume in one tier', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        const { disks, tiers } = capacityOf(subject);
        for (const { disk, placedBytes, freeBytes } of disks) {
          if (disk.capacityBytes === undefined) assert.equal(freeBytes, undefined);
          else assert.equal(freeBytes, Math.max(0, disk.capacityBytes - placedBytes));
        }
        const promised = tiers.reduce((sum, tier) => sum + tier.promisedBytes, 0);
        assert.equal(
          promised,
          subject.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        );
        for (const { usableBytes, usableAfterNodeLossBytes } of tiers)
          assert.ok((usableAfterNodeLossBytes ?? 0) <= (usableBytes ?? Infinity));
      }),
    );
  });

  it('loses no volume to what comes back, and every volume on the shelf to a fire', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        for (const failure of failuresOf(subject)) {
          const { effects } = reportOf(subject, failure);
          assert.equal(effects.length, subject.volumes.length);
          for (const { effect, volume, isCertain } of effects) {
            if (effect.kind === 'lost') assert.ok(['disk', 'shelf', 'site'].includes(failure.kind));
            if (effect.kind === 'runs-on') assert.ok(effect.copiesLeft >= 1);
            const oneDisk = failure.kind === 'disk' && volume.tier.placement === 'spread';
            if (oneDisk && volume.tier.copies > 1) assert.notEqual(effect.kind, 'lost');
            if (effect.kind === 'untouched') assert.ok(isCertain);
            if (effect.kind === 'lost' && failure.kind === 'disk')
              assert.notEqual(effect.from?.place, failure.disk);
          }
        }
      }),
    );
  });

  it('never makes things worse by a copy more on a shelf that has the nodes', () => {
    const rank = { untouched: 0, 'runs-on': 1, 'cut-off': 2, stops: 3, lost: 4 };
    fc.assert(
      fc.property(subjects, (subject) => {
        const more = withCopies(subject, 1);
        for (const failure of failuresOf(subject)) {
          if (failure.kind === 'switch') continue;
          const before = reportOf(subject, failure).effects;
          const after = reportOf(more, failure).effects;
          before.forEach(({ effect, isCertain }, at) => {
            const then = after[at]?.effect.kind ?? 'lost';
            // More copies are hit more often, and then cost a pause where nothing was touched.
            if (!isCertain || effect.kind === 'untouched') return;
            assert.ok(rank[then] <= rank[effect.kind], `${effect.kind} became ${then}`);
          });
        }
      }),
    );
  });

  it('prints any shelf, with every failure and every sentence of attention', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        const plan = planOf(subject);
        const text = renderPlan(plan);
        assert.ok(!/undefined|NaN|Infinity|\[object/.test(text), text);
        for (const sentence of plan.attention)
          assert.ok(text.replaceAll(/\s+/g, ' ').includes(sentence), sentence);
      }),
      { numRuns: 60 },
    );
  });
});

/** The same shelf with more copies on its spread tier. */
function withCopies(subject: PlanSubject, more: number): PlanSubject {
  const tiers = new Map(
    subject.tiers.map((tier) => [
      tier,
      tier.placement === 'spread' ? { ...tier, copies: tier.copies + more } : tier,
    ]),
  );
  return {
    ...subject,
    tiers: [...tiers.values()],
    volumes: subject.volumes.map((volume) => ({
      ...volume,
      tier: tiers.get(volume.tier) ?? volume.tier,
    })),
  };
}
