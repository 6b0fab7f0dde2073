/** Placement and its refusals, for any inventory and any tiers that a person might write. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfig } from '../../../components/config/parse.ts';
import { resolveShelf } from '../../../components/config/resolve.ts';
import { engineFacts } from '../../../components/rules/engines.ts';
import { problemsIn, shelfOf } from '../../unit/components/support.ts';

const kinds = ['nvme', 'ssd', 'hdd', 'usb', 'sd'];
const gib = 1024 ** 3;

const disk = fc.record({
  mount: fc.constantFrom('/mnt/a', '/mnt/b', '/mnt/c'),
  kind: fc.constantFrom(...kinds),
  capacity: fc.option(
    fc.integer({ min: 1, max: 64 }).map((size) => `${size}Gi`),
    { nil: undefined },
  ),
});
const nodes = fc
  .array(fc.uniqueArray(disk, { selector: ({ mount }) => mount, maxLength: 3 }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((all) => all.map((disks, index) => ({ name: `n${index}`, disks })));
const narrowing = {
  disks: fc.option(fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }), {
    nil: undefined,
  }),
  media: fc.option(fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 1 }), {
    nil: undefined,
  }),
};
const localTier = fc.record({
  engine: fc.constantFrom('static', 'local-path', 'scratch'),
  ...narrowing,
});
const copiedTier = fc.record({
  engine: fc.constantFrom('longhorn', 'larder'),
  copies: fc.integer({ min: 1, max: 3 }),
  ...narrowing,
});
const tiers = fc
  .array(fc.oneof(localTier, copiedTier), { minLength: 1, maxLength: 4 })
  .map((all) => all.map((tier, index) => ({ ...tier, name: `t${index}`, default: index === 0 })));

const images = { dataplane: 'registry.home/larder:1' };
const stack = (given: object) => ({ cluster: { context: 'home' }, images, ...given });

describe('any shelf', () => {
  it('is resolved or refused with words in all four parts', () => {
    fc.assert(
      fc.property(nodes, tiers, (nodesGiven, tiersGiven) => {
        const parsed = parseConfig(stack({ nodes: nodesGiven, tiers: tiersGiven }));
        assert.ok(parsed.ok, JSON.stringify(parsed));
        const resolved = resolveShelf(parsed.config);
        if (resolved.ok) return;
        for (const problem of resolved.problems)
          for (const part of Object.values(problem)) assert.notEqual(part, '');
      }),
    );
  });

  it('lets no SD card serve a tier that did not ask for it', () => {
    fc.assert(
      fc.property(nodes, tiers, (nodesGiven, tiersGiven) => {
        const raw = stack({ nodes: nodesGiven, tiers: tiersGiven });
        fc.pre(problemsIn(raw).length === 0);
        for (const { config, disks } of shelfOf(raw).tiers) {
          if (!('media' in config)) continue;
          for (const served of disks) {
            if (config.media !== undefined) assert.ok(config.media.includes(served.kind));
            if (config.disks !== undefined) assert.ok(config.disks.includes(served.name));
            if (config.media === undefined && config.disks === undefined)
              assert.notEqual(served.kind, 'sd');
          }
        }
      }),
    );
  });

  it('keeps copies of a volume on as many nodes, and refuses when there are fewer', () => {
    fc.assert(
      fc.property(nodes, copiedTier, (nodesGiven, tier) => {
        const named = { ...tier, name: 'safe', default: true, disks: undefined, media: undefined };
        const carriers = nodesGiven.filter(({ disks }) => disks.some(({ kind }) => kind !== 'sd'));
        const problems = problemsIn(stack({ nodes: nodesGiven, tiers: [named] }));
        const about = problems.filter(({ path }) => path === 'larder:tiers[0].copies');
        assert.equal(about.length > 0, carriers.length < tier.copies, JSON.stringify(problems));
      }),
    );
  });

  it('refuses what a disk cannot hold, and nothing that it can', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), sizes, (capacity, wanted) => {
        const raw = stack({
          nodes: [{ name: 'n', disks: [{ mount: '/mnt/a', capacity: `${capacity}Gi` }] }],
          volumes: wanted.map((size, index) => ({ name: `v${index}`, size: `${size}Gi` })),
        });
        const sum = wanted.reduce((total, size) => total + size, 0);
        const problems = problemsIn(raw);
        assert.equal(problems.length > 0, sum > capacity, JSON.stringify(problems));
        if (problems.length > 0) return;
        const placed = shelfOf(raw).volumes.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
        assert.ok(placed <= capacity * gib);
      }),
    );
  });

  it('places no volume where its tier does not reach', () => {
    const modes = fc.constantFrom('ReadWriteOnce', 'ReadWriteMany');
    fc.assert(
      fc.property(nodes, localTier, modes, (nodesGiven, tier, accessMode) => {
        const raw = stack({
          nodes: nodesGiven,
          tiers: [{ ...tier, name: 'only', default: true }],
          volumes: [{ name: 'v', size: '1Gi', tier: 'only', accessMode }],
        });
        fc.pre(problemsIn(raw).length === 0);
        const { volumes } = shelfOf(raw);
        for (const volume of volumes) {
          assert.ok(engineFacts[volume.tier.engine].accessModes.includes(volume.accessMode));
          if (volume.disk !== undefined) assert.ok(volume.tier.disks.includes(volume.disk));
        }
      }),
    );
  });
});
