import assert from 'node:assert/strict';
import fc from 'fast-check';
import { leftOn, place, roomFor, type Wish } from '../../../dataplane/control/placement.ts';
import { node, volume } from '../../unit/dataplane/control/shelf.ts';

const gibibyte = 2 ** 30;

const nodes = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((number) =>
        fc
          .record({
            zone: fc.constantFrom('', 'a', 'b', 'c'),
            gib: fc.integer({ min: 1, max: 64 }),
            tags: fc.subarray(['fast', 'big']),
            schedulable: fc.boolean(),
            evacuate: fc.boolean(),
            health: fc.constantFrom('Ready' as const, 'Unknown' as const),
            problem: fc.constantFrom('', 'it is not mounted'),
          })
          .map((parts) => node(`kube${number}`, parts)),
      ),
    ),
  );

const wishes: fc.Arbitrary<Wish> = fc.record({
  sizeBytes: fc.integer({ min: 1, max: 40 }).map((gib) => gib * gibibyte),
  copies: fc.integer({ min: 1, max: 3 }),
  diskTags: fc.subarray(['fast', 'big']),
  spread: fc.constantFrom('node' as const, 'zone' as const),
  preferred: fc.subarray(['kube1', 'kube2', 'kube3']),
});

const volumes = fc.array(
  fc
    .record({
      gib: fc.integer({ min: 1, max: 20 }),
      on: fc.subarray(['kube1', 'kube2', 'kube3', 'kube4']),
    })
    .map((parts) => volume('v', parts)),
  { maxLength: 6 },
);

describe('placement of copies', () => {
  it('gives every copy a place that may have it, and no two one domain', () => {
    fc.assert(
      fc.property(wishes, nodes, volumes, (wish, shelf, others) => {
        const placed = place(wish, shelf, others);
        if (placed.kind === 'impossible') return;
        assert.equal(placed.spots.length, wish.copies);
        const domains = new Set<string>();
        for (const spot of placed.spots) {
          const at = shelf.find(({ metadata }) => metadata.name === spot.node);
          assert.ok(at !== undefined);
          assert.ok(at.spec.schedulable && !at.spec.evacuate && at.status.health === 'Ready');
          assert.equal(at.status.disks[0]?.problem, '');
          assert.ok(wish.diskTags.every((tag) => at.spec.disks[0]?.tags.includes(tag)));
          assert.ok(leftOn(at, spot.disk, others) >= wish.sizeBytes);
          const byZone = wish.spread === 'zone' && at.spec.zone !== '';
          domains.add(byZone ? `zone ${at.spec.zone}` : spot.node);
        }
        assert.equal(domains.size, wish.copies);
      }),
    );
  });

  it('finds a place whenever there is room for the largest volume it names', () => {
    fc.assert(
      fc.property(wishes, nodes, volumes, (wish, shelf, others) => {
        const room = roomFor(wish, shelf, others);
        const fits = wish.sizeBytes <= room;
        assert.equal(place(wish, shelf, others).kind === 'placed', fits);
      }),
    );
  });

  it('answers the same whatever the order of the nodes', () => {
    fc.assert(
      fc.property(wishes, nodes, volumes, (wish, shelf, others) => {
        const answer = place(wish, shelf, others);
        const turned = place(wish, shelf.toReversed(), others);
        assert.equal(answer.kind, turned.kind);
        if (answer.kind === 'placed' && turned.kind === 'placed')
          assert.deepEqual(answer.spots, turned.spots);
      }),
    );
  });

  it('puts the first copy on the node of the pod when that node may have one', () => {
    const shelf = [node('kube1', { gib: 90 }), node('kube2', { gib: 10 }), node('kube3')];
    const wish = { sizeBytes: gibibyte, copies: 2, diskTags: [], spread: 'node' } as const;
    const placed = place({ ...wish, preferred: ['kube2'] }, shelf, []);
    assert.deepEqual(placed, {
      kind: 'placed',
      spots: [
        { node: 'kube2', disk: 'disk' },
        { node: 'kube3', disk: 'disk' },
      ],
    });
  });

  it('says of every node why it does not do', () => {
    const shelf = [
      node('kube1', { gib: 1 }),
      node('kube2', { schedulable: false }),
      node('kube3', { problem: 'nothing is mounted at /mnt/disk' }),
      node('kube4', { health: 'Unknown' }),
    ];
    const wish = { sizeBytes: 10 * gibibyte, copies: 2, diskTags: [], spread: 'node' } as const;
    const answer = place(wish, shelf, []);
    const why = answer.kind === 'impossible' ? answer.why : '';
    assert.match(why, /2 copies need 2 different nodes with 10\.0 GiB each; 0 can be had/);
    assert.match(why, /kube1: disk disk has room for 972 MiB/);
    assert.match(why, /kube2 takes no new copies/);
    assert.match(why, /kube3: disk disk cannot be used: nothing is mounted at \/mnt\/disk/);
    assert.match(why, /kube4 is not heard of/);
  });
});
