import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { VolumeObject } from '../../../dataplane/control/objects.ts';
import { repaired, repairOf } from '../../../dataplane/control/repair.ts';
import { inSyncIds } from '../../../dataplane/volume/record.ts';
import { node, used } from '../../unit/dataplane/control/shelf.ts';

const graceMs = 1_000;
const names = ['kube1', 'kube2', 'kube3', 'kube4', 'kube5'];

const nodes = fc.tuple(
  ...names.map((name) =>
    fc
      .record({
        health: fc.constantFrom('Ready' as const, 'Unknown' as const),
        zone: fc.constantFrom('', 'a', 'b'),
        gib: fc.constantFrom(0, 2, 100),
        problem: fc.constantFrom('', '', 'nothing is mounted'),
      })
      .map((parts) => node(name, parts)),
  ),
);

const copy = fc.record({
  inSync: fc.boolean(),
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
        const isLost = (member: string) => {
          const at = places.find((place) => place.member === member);
          const on = shelf.find(({ metadata }) => metadata.name === at?.node);
          const isIll = on?.status.health === 'Unknown' || on?.status.disks[0]?.problem !== '';
          const inSync = record?.members.find(({ id }) => id === member)?.inSync;
          return inSync === false && isIll && awayMs >= graceMs;
        };
        const kept = places.filter(({ member }) => !isLost(member));
        assert.ok(kept.length < volume.spec.copies);
        assert.notEqual(volume.status.attachedTo, '');
        const domain = (name: string) => {
          const zone = shelf.find(({ metadata }) => metadata.name === name)?.spec.zone ?? '';
          return volume.spec.spread === 'zone' && zone !== '' ? `zone ${zone}` : name;
        };
        assert.ok(!kept.some((place) => domain(place.node) === domain(step.spot.node)));
        const chosen = shelf.find(({ metadata }) => metadata.name === step.spot.node);
        assert.equal(chosen?.status.health, 'Ready');
      }),
      { numRuns: 2_000 },
    );
  });

  it('comes to an end, whatever engines and nodes do between its steps', () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.boolean()), ({ nodes: shelf, volume }, fills) => {
        let now = volume;
        for (let steps = 0; ; steps += 1) {
          const step = decide(now, shelf, graceMs);
          const status = repaired(now, step, shelf, token(steps));
          const next = status === undefined ? now : { ...now, status };
          now = fills.next().value === true ? filled(next, shelf) : next;
          if (step.kind === 'rest' && filled(now, shelf) === now) return;
          assert.ok(steps < 100, step.note);
          assert.ok((now.status.record?.members.length ?? 0) <= 4);
        }
      }),
    );
  });
});

function decide(volume: VolumeObject, shelf: ReturnType<typeof node>[], awayMs: number) {
  const volumesOf = [volume];
  return repairOf(volume, { nodes: shelf, volumes: volumesOf, graceMs, troubledMs: () => awayMs });
}

/** The engine has filled one of those that can be reached. */
function filled(volume: VolumeObject, shelf: ReturnType<typeof node>[]): VolumeObject {
  const { record, places } = volume.status;
  const isWell = (member: string) => {
    const at = places.find((place) => place.member === member);
    const on = shelf.find(({ metadata }) => metadata.name === at?.node);
    return on?.status.health === 'Ready' && on.status.disks[0]?.problem === '';
  };
  const chosen = record?.members.find(({ id, inSync }) => !inSync && isWell(id));
  if (record === undefined || chosen === undefined || volume.status.attachedTo === '')
    return volume;
  const members = record.members.map((each) =>
    each === chosen ? { ...each, inSync: true } : each,
  );
  return { ...volume, status: { ...volume.status, record: { ...record, members } } };
}

function token(number: number): string {
  return String(number).padStart(12, '0').padEnd(32, 'f');
}
