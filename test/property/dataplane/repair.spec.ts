import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { VolumeObject } from '../../../dataplane/control/objects.ts';
import {
  copiesOf,
  domainsOf,
  engineNodeOf,
  type Shelf,
  troubleOf,
} from '../../../dataplane/control/copies.ts';
import { place } from '../../../dataplane/control/placement.ts';
import { repaired } from '../../../dataplane/control/repaired.ts';
import { repairOf } from '../../../dataplane/control/repair.ts';
import { inSyncIds } from '../../../dataplane/volume/record.ts';
import { node, used } from '../../unit/dataplane/control/shelf.ts';

const graceMs = 1_000;
const names = ['kube1', 'kube2', 'kube3', 'kube4', 'kube5'];

const nodes = fc.tuple(
  ...names.map((name) =>
    fc
      .record({
        health: fc.constantFrom('Ready' as const, 'Unknown' as const),
        evacuate: fc.constantFrom(false, false, true),
        zone: fc.constantFrom('', 'a', 'b'),
        gib: fc.constantFrom(0, 2, 100),
        problem: fc.constantFrom('', '', 'nothing is mounted'),
      })
      .map((parts) => node(name, parts)),
  ),
);

const copy = fc.record({
  inSync: fc.boolean(),
  retiring: fc.constantFrom(false, false, true),
  departedAt: fc.constantFrom(0, 1, 2),
});

const volumes: fc.Arbitrary<VolumeObject> = fc
  .record({
    on: fc.subarray(names, { minLength: 1, maxLength: 4 }),
    copies: fc.integer({ min: 1, max: 3 }),
    attachedTo: fc.constantFrom('', 'kube1', 'kube5'),
    spread: fc.constantFrom('node' as const, 'zone' as const),
    members: fc.array(copy, { minLength: 4, maxLength: 4 }),
  })
  .map(({ on, copies, attachedTo, spread, members }) => {
    // A volume has always one copy that is in sync.
    const each = on.map((name, index) => {
      const member = members[index] ?? { inSync: true, departedAt: 0 };
      return [name, index === 0 ? { ...member, inSync: true } : member] as const;
    });
    const volume = used('v', Object.fromEntries(each), { copies, attachedTo });
    return { ...volume, spec: { ...volume.spec, spread } };
  });

const cases = fc.record({
  nodes,
  volume: volumes,
  awayMs: fc.constantFrom(0, graceMs - 1, graceMs),
});

describe('decision to repair', () => {
  it('never lets a copy go that is in sync, nor one that may come back and is needed', () => {
    fc.assert(
      fc.property(cases, ({ nodes: shelf, volume, awayMs }) => {
        const step = decide(volume, shelf, awayMs);
        const { record } = volume.status;
        if (step.kind !== 'remove' || record === undefined) return;
        const gone = record.members.filter(({ id }) => step.members.includes(id));
        assert.ok(gone.length > 0 && gone.every(({ inSync }) => !inSync));
        const next = repaired(volume, step, shelf, token(1));
        assert.ok(next?.record !== undefined);
        assert.deepEqual(inSyncIds(next.record), inSyncIds(record));
        const isSurplus = inSyncIds(record).length >= volume.spec.copies;
        const left = next.record.members.length;
        const wasEmpty = gone.every(({ departedAt }) => departedAt === 0);
        assert.ok(isSurplus || wasEmpty || left >= volume.spec.copies);
        assert.ok(isSurplus || awayMs >= graceMs);
      }),
      { numRuns: 2_000 },
    );
  });

  it('adds one copy where no other that stays shares its failure domain, and only after the grace', () => {
    fc.assert(
      fc.property(cases, ({ nodes: shelf, volume, awayMs }) => {
        const step = decide(volume, shelf, awayMs);
        if (step.kind !== 'add') return;
        const { record, places } = volume.status;
        const domain = (name: string) => {
          const zone = shelf.find(({ metadata }) => metadata.name === name)?.spec.zone ?? '';
          return volume.spec.spread === 'zone' && zone !== '' ? `zone ${zone}` : name;
        };
        const isLost = (member: string) => {
          const at = places.find((place) => place.member === member);
          const on = shelf.find(({ metadata }) => metadata.name === at?.node);
          const isIll = on?.status.health === 'Unknown' || on?.status.disks[0]?.problem !== '';
          const inSync = record?.members.find(({ id }) => id === member)?.inSync;
          return inSync === false && isIll && awayMs >= graceMs;
        };
        const isLeaving = (name: string) =>
          shelf.find(({ metadata }) => metadata.name === name)?.spec.evacuate === true;
        const kept = places.filter(({ member, node: on }) => !isLost(member) && !isLeaving(on));
        const apart = new Set(kept.map((place) => domain(place.node)));
        assert.ok(apart.size < volume.spec.copies);
        assert.notEqual(engineNodeOf(volume), '');
        assert.ok(!kept.some((place) => domain(place.node) === domain(step.spot.node)));
        const chosen = shelf.find(({ metadata }) => metadata.name === step.spot.node);
        assert.equal(chosen?.status.health, 'Ready');
      }),
      { numRuns: 2_000 },
    );
  });

  it('asks nobody to leave without whom fewer good copies would be left than wanted', () => {
    fc.assert(
      fc.property(cases, ({ nodes: shelf, volume, awayMs }) => {
        const step = decide(volume, shelf, awayMs);
        if (step.kind !== 'retire') return;
        const all = copiesOf(volume, shelfOf(volume, shelf, awayMs));
        const asked = all.filter(({ id }) => step.members.includes(id));
        assert.ok(asked.every(({ inSync, trouble }) => inSync && trouble === ''));
        const left = all.filter(
          (copy) => copy.inSync && copy.trouble === '' && !copy.leaving && !asked.includes(copy),
        );
        assert.ok(asked.length === 0 || domainsOf(left) >= volume.spec.copies);
      }),
      { numRuns: 2_000 },
    );
  });

  it('comes to an end with all copies that can be had, whatever happens between its steps', () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.boolean()), ({ nodes: shelf, volume }, goes) => {
        let now = volume;
        for (let steps = 0; ; steps += 1) {
          const before = now;
          const step = decide(now, shelf, graceMs);
          const status = repaired(now, step, shelf, token(steps));
          const next = status === undefined ? now : { ...now, status };
          const works = goes.next().value === true;
          now = works ? erased(served(next, shelf)) : next;
          const { record, places } = now.status;
          assert.ok(inSyncIds(record ?? { members: [] }).length > 0);
          assert.ok((record?.members.length ?? 0) <= 4 && places.length <= 8);
          if (next === before && erased(served(before, shelf)) === before) break;
          assert.ok(steps < 100, step.note);
        }
        isWhole(now, shelf);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** At rest there is nothing too many, and nothing missing that could be had. */
function isWhole(volume: VolumeObject, shelf: ReturnType<typeof node>[]): void {
  const copies = copiesOf(volume, shelfOf(volume, shelf, graceMs));
  const sound = copies.filter(({ inSync, trouble }) => inSync && trouble === '');
  if (sound.length < copies.length) return;
  const staying = sound.filter(({ leaving }) => !leaving);
  const missing = domainsOf(staying) < volume.spec.copies;
  if (!missing) assert.ok(copies.length <= volume.spec.copies || domainsOf(copies) === 1);
  if (!missing || engineNodeOf(volume) === '') return;
  const kept = staying.flatMap(({ place: at }) => at ?? []);
  const wish = { ...volume.spec, copies: kept.length + 1 };
  const full = copies.length >= 4;
  assert.ok(full || place(wish, shelf, [volume], kept).kind === 'impossible');
}

function decide(volume: VolumeObject, shelf: ReturnType<typeof node>[], awayMs: number) {
  return repairOf(volume, shelfOf(volume, shelf, awayMs));
}

function shelfOf(volume: VolumeObject, nodes: ReturnType<typeof node>[], awayMs: number): Shelf {
  const troubledMs = (_uid: string, member: string) => {
    const at = volume.status.places.find((place) => place.member === member);
    return troubleOf(at, nodes) === '' ? 0 : awayMs;
  };
  return { nodes, volumes: [volume], graceMs, troubledMs };
}

/** One step of the engine, if there is one: somebody leaves who was asked to, or is filled. */
function served(volume: VolumeObject, shelf: ReturnType<typeof node>[]): VolumeObject {
  const { record } = volume.status;
  const copies = copiesOf(volume, shelfOf(volume, shelf, graceMs));
  const isOpen = copies.some(({ inSync, trouble }) => inSync && trouble === '');
  if (record === undefined || engineNodeOf(volume) === '' || !isOpen) return volume;
  const good = copies.filter(({ inSync }) => inSync);
  const away = good.find(({ trouble }) => trouble !== '');
  const leaves = good.find(({ retiring }) => retiring === true);
  const stays = good.some(({ retiring, trouble }) => retiring !== true && trouble === '');
  const fills = copies.find(
    ({ inSync, trouble, retiring }) => !inSync && trouble === '' && retiring !== true,
  );
  const out = away ?? (stays ? leaves : undefined);
  const chosen = out ?? fills;
  if (chosen === undefined) return volume;
  const change = out === undefined ? { inSync: true } : { inSync: false, departedAt: 9 };
  const members = record.members.map((each) =>
    each.id === chosen.id ? { ...each, ...change } : each,
  );
  return { ...volume, status: { ...volume.status, record: { ...record, members } } };
}

/** Nodes delete what they are told to. */
function erased(volume: VolumeObject): VolumeObject {
  const places = volume.status.places.filter(({ erase }) => !erase);
  if (places.length === volume.status.places.length) return volume;
  return { ...volume, status: { ...volume.status, places } };
}

function token(number: number): string {
  return String(number).padStart(12, '0').padEnd(32, 'f');
}
