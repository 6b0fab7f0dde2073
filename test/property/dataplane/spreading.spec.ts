import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copiesOf, type Shelf } from '../../../dataplane/control/copies.ts';
import type {
  StorageNodeObject,
  VolumeObject,
  VolumeStatus,
} from '../../../dataplane/control/objects.ts';
import { leftOn } from '../../../dataplane/control/placement.ts';
import { repaired } from '../../../dataplane/control/repaired.ts';
import { repairOf } from '../../../dataplane/control/repair.ts';
import { spreadingOf } from '../../../dataplane/control/spreading.ts';
import { node, used } from '../../unit/dataplane/control/shelf.ts';

const gibibyte = 2 ** 30;
const names = ['kube1', 'kube2', 'kube3', 'kube4', 'kube5'];

const nodes = fc
  .tuple(
    ...names.map((name) =>
      fc
        .record({ zone: fc.constantFrom('', 'a', 'b'), gib: fc.constantFrom(8, 20, 50) })
        .map((parts) => node(name, parts)),
    ),
  )
  .chain((all) => fc.subarray(all, { minLength: 2 }));

const volumes = fc.array(
  fc.record({
    gib: fc.integer({ min: 1, max: 6 }),
    on: fc.shuffledSubarray(names, { minLength: 1, maxLength: 3 }),
    spread: fc.constantFrom('node' as const, 'zone' as const),
    attached: fc.boolean(),
  }),
  { maxLength: 9 },
);

const shelves = fc.tuple(nodes, volumes).map(([shelf, wishes]) => {
  const known = new Set(shelf.map(({ metadata }) => metadata.name));
  const made = wishes.flatMap(({ gib, on, spread, attached }, index) => {
    const where = on.filter((name) => known.has(name));
    if (where.length === 0) return [];
    const members = Object.fromEntries(where.map((name) => [name, { inSync: true }]));
    const attachedTo = attached ? (where[0] ?? '') : '';
    const volume = used(`v${index}`, members, { copies: where.length, attachedTo });
    return [{ ...volume, spec: { ...volume.spec, spread, sizeBytes: gib * gibibyte } }];
  });
  return { nodes: shelf, volumes: made };
});

describe('spreading of copies', () => {
  it('ends, gains with every move, and never brings two copies closer', () => {
    fc.assert(
      fc.property(shelves, ({ nodes: all, volumes: first }) => {
        let now: readonly VolumeObject[] = first;
        let before = unevenness(all, now);
        for (let moves = 0; ; moves += 1) {
          const move = spreadingOf(shelfOf(all, now));
          if (move === undefined) return;
          assert.ok(moves < 60, 'it comes to an end');
          const domains = apart(all, now, move.volume);
          now = carriedOut(all, now, move);
          assert.ok(apart(all, now, move.volume) >= domains, 'no two copies come closer');
          const after = unevenness(all, now);
          assert.ok(after < before, 'every move makes the disks more even');
          before = after;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('moves nothing while anything else is going on', () => {
    fc.assert(
      fc.property(shelves, fc.nat(), ({ nodes: all, volumes: first }, pick) => {
        fc.pre(first.length > 0 && spreadingOf(shelfOf(all, first)) !== undefined);
        const chosen = first[pick % first.length];
        assert.ok(chosen?.status.record !== undefined);
        const { record } = chosen.status;
        const members = record.members.map((member, at) => ({ ...member, inSync: at > 0 }));
        const busy: VolumeObject[] = [
          { ...chosen, status: { ...chosen.status, record: { ...record, members } } },
          { ...chosen, status: { ...chosen.status, tendedBy: 'kube1' } },
          { ...chosen, metadata: { ...chosen.metadata, deletionTimestamp: 'now' } },
          { ...chosen, spec: { ...chosen.spec, copies: chosen.spec.copies + 1 } },
        ];
        for (const other of busy) {
          const changed: VolumeObject[] = first.map((each) => (each === chosen ? other : each));
          assert.equal(spreadingOf(shelfOf(all, changed)), undefined);
        }
        const silent = all.map((each, at) =>
          at === 0 ? { ...each, status: { ...each.status, health: 'Unknown' as const } } : each,
        );
        assert.equal(spreadingOf(shelfOf(silent, first)), undefined);
      }),
      { numRuns: 100 },
    );
  });

  it('moves nothing for a small difference', () => {
    const all = [node('kube1'), node('kube2'), node('kube3')];
    const holding = (name: string, gib: number, on: string) => {
      const v = used(name, { [on]: { inSync: true } }, { copies: 1, attachedTo: 'kube9' });
      return { ...v, spec: { ...v.spec, sizeBytes: gib * gibibyte } };
    };
    // Of 95 GiB each: a move of 5 evens 20 and 10, and is not worth its writes.
    const few = ['a', 'b', 'c', 'd'].map((name) => holding(name, 5, 'kube1'));
    const others = [holding('e', 10, 'kube2'), holding('f', 10, 'kube3')];
    assert.equal(spreadingOf(shelfOf(all, [...few, ...others])), undefined);
    const many = ['g', 'h', 'i', 'j', 'k'].map((name) => holding(name, 5, 'kube1'));
    assert.ok(spreadingOf(shelfOf(all, [...few, ...many, ...others])) !== undefined);
  });

  it('goes to a new node one copy at a time, and leaves the copy where the volume is used', () => {
    const all = [node('kube1'), node('kube2')];
    const first = [1, 2, 3, 4].map((number) => {
      const v = used(`v${number}`, { kube1: { inSync: true }, kube2: { inSync: true } });
      return { ...v, spec: { ...v.spec, sizeBytes: 20 * gibibyte } };
    });
    assert.equal(spreadingOf(shelfOf(all, first)), undefined, 'there is nowhere to go');
    const grown = [...all, node('kube3')];
    let now: readonly VolumeObject[] = first;
    const moved: string[] = [];
    for (;;) {
      const move = spreadingOf(shelfOf(grown, now));
      if (move === undefined) break;
      moved.push(move.member);
      now = carriedOut(grown, now, move);
    }
    // 80 GiB of 95 on two, and none on the third: two moves bring 80, 40 and 40.
    assert.deepEqual(moved, ['m2', 'm2']);
  });
});

/** Names are never used again. */
let tokens = 0;

/** Through the same steps as any other repair, with an engine that does what it is asked. */
function carriedOut(
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
  move: { readonly volume: string; readonly member: string; readonly note: string },
): readonly VolumeObject[] {
  const found = volumes.find(({ metadata }) => metadata.name === move.volume);
  assert.ok(found !== undefined);
  let volume: VolumeObject = found;
  const others = volumes.filter((each) => each !== found);
  const marked = repaired(volume, { kind: 'move', ...move }, nodes, '');
  assert.ok(marked !== undefined);
  volume = { ...volume, status: marked };
  for (let steps = 0; steps < 20; steps += 1) {
    const step = repairOf(volume, shelfOf(nodes, [volume, ...others]));
    const status = repaired(volume, step, nodes, String((tokens += 1)).padStart(12, '0'));
    const { record, places } = status ?? volume.status;
    assert.ok(record !== undefined);
    const members = record.members.map((member) => ({
      ...member,
      inSync: member.retiring !== true,
    }));
    const kept = places.filter(({ erase }) => !erase).map((at) => ({ ...at, made: true }));
    const next: VolumeStatus = {
      ...volume.status,
      ...status,
      record: { ...record, members },
      places: kept,
    };
    const same = JSON.stringify(next) === JSON.stringify(volume.status);
    volume = { ...volume, status: next };
    if (same) break;
  }
  const { places } = volume.status;
  assert.ok(!places.some(({ member }) => member === move.member), 'the copy has moved');
  assert.equal(places.length, volume.spec.copies);
  return [volume, ...others].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function shelfOf(nodes: readonly StorageNodeObject[], volumes: readonly VolumeObject[]): Shelf {
  return { nodes, volumes, graceMs: 60_000, troubledMs: () => 0 };
}

function apart(
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
  name: string,
): number {
  const volume = volumes.find(({ metadata }) => metadata.name === name);
  assert.ok(volume !== undefined);
  return new Set(copiesOf(volume, shelfOf(nodes, volumes)).map(({ domain }) => domain)).size;
}

/** Sum of squares of what is promised, by disk and its size. */
function unevenness(nodes: readonly StorageNodeObject[], volumes: readonly VolumeObject[]): number {
  return nodes.reduce((sum, each) => {
    const usable = leftOn(each, 'disk', []);
    const promised = usable - leftOn(each, 'disk', volumes);
    return sum + promised ** 2 / usable;
  }, 0);
}
