/**
 * A node is lost for good or is to be emptied, and each call to the API server goes wrong once: the
 * copy is made elsewhere all the same, and nothing that counts is ever let go.
 */
import assert from 'node:assert/strict';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import { Controller } from '../../../../dataplane/drive/controller.ts';
import type { Happening } from '../../../../dataplane/control/happenings.ts';
import { grown, inSyncIds, retiringIds, shrunk } from '../../../../dataplane/volume/record.ts';
import { MemoryObjects, type Mishap } from './memory-objects.ts';
import { QuickClock, turn } from './quick-clock.ts';
import { node, used } from './shelf.ts';

const good = { inSync: true };
const repairAfterMs = 20_000;
/** More calls than a repair takes until its outcome is written. */
const callsMax = 60;

describe('repair through the controller', () => {
  for (const mishap of ['lost request', 'lost answer', 'conflict'] satisfies Mishap[]) {
    it(`makes the lost copy elsewhere whichever call meets a ${mishap}`, async function () {
      this.timeout(30_000);
      for (let at = 0; at <= callsMax; at += 1) {
        using shelf = new Shelf();
        shelf.objects.mishap = mishap;
        shelf.objects.mishapAt = at;
        await shelf.loseAndRepair(`${mishap} at call ${at}`);
      }
    });
  }

  it('goes on where a controller ended, whichever call was its last', async function () {
    this.timeout(30_000);
    for (let at = 1; at <= callsMax; at += 1) {
      using shelf = new Shelf();
      shelf.lastCall = at;
      await shelf.loseAndRepair(`another controller after call ${at}`);
    }
  });

  for (const mishap of ['lost request', 'lost answer', 'conflict'] satisfies Mishap[]) {
    it(`empties a node whichever call meets a ${mishap}`, async function () {
      this.timeout(30_000);
      for (let at = 0; at <= callsMax; at += 1) {
        for (const attachedTo of ['kube1', '']) {
          using shelf = new Shelf({ attachedTo });
          shelf.objects.mishap = mishap;
          shelf.objects.mishapAt = at;
          await shelf.empty(`${mishap} at call ${at}, attached to "${attachedTo}"`);
        }
      }
    });
  }

  it('empties a node though controllers end, whichever call was the last', async function () {
    this.timeout(30_000);
    for (let at = 1; at <= callsMax; at += 1) {
      using shelf = new Shelf({ attachedTo: at % 2 === 0 ? '' : 'kube1' });
      shelf.lastCall = at;
      await shelf.empty(`another controller after call ${at}`);
    }
  });

  for (const [what, attachedTo] of [
    ['is used', 'kube1'],
    ['is attached nowhere', ''],
  ] as const) {
    it(`moves the copies of a node and deletes them there when the volume ${what}`, async () => {
      using shelf = new Shelf({ attachedTo });
      await shelf.empty(what);
      assert.equal(shelf.erased, 1);
    });

    it(`makes a lost copy elsewhere when the volume ${what}`, async () => {
      using shelf = new Shelf({ attachedTo });
      await shelf.loseAndRepair(what);
      assert.equal(shelf.volume.status.tendedBy, '');
      assert.equal(shelf.erased, 0, 'what lies on a lost node is kept');
    });
  }

  it('leaves copies where they are when the mark is taken off before they were made', async () => {
    using shelf = new Shelf();
    shelf.mark('kube2', true);
    await shelf.until('another copy', ({ status }) => status.places.length === 3);
    shelf.mark('kube2', false);
    await shelf.until('two copies', ({ status }) => status.places.length === 2);
    await shelf.until('both in sync', ({ status }) => status.safety === 'Safe');
    assert.equal(shelf.leastGood, 2);
  });

  it('takes away one copy of three when the owner wants two', async () => {
    using shelf = new Shelf();
    shelf.want(3);
    await shelf.until('three copies', ({ status }) => status.copies === '3/3');
    shelf.want(2);
    await shelf.until('two copies', ({ status }) => status.places.length === 2);
    await shelf.until('it to be said', ({ status }) => status.copies === '2/2');
    assert.equal(shelf.leastGood, 2);
  });

  it('tells people of each step once, and of what became of it', async () => {
    using shelf = new Shelf();
    await shelf.loseAndRepair('a lost node');
    const told = shelf.told.map(({ kind, type, reason }) => `${kind} ${type} ${reason}`);
    assert.deepEqual(
      told.filter((each) => !each.includes('Safe') && !each.includes('Creating')),
      [
        'Volume Warning Degraded',
        'StorageNode Warning NotHeardOf',
        'Volume Normal CopyAdded',
        'Volume Normal CopyRemoved',
      ],
    );
    assert.ok(told.at(-1)?.endsWith('Safe'));
    const [condition] = shelf.volume.status.conditions;
    assert.deepEqual([condition?.type, condition?.status], ['Safe', 'True']);
  });

  it('places a volume anew that was never used when a node is lost before it made its copy', async () => {
    using shelf = new Shelf({ attachedTo: '', epoch: 0 });
    const [first, second] = shelf.volume.status.places;
    assert.ok(first !== undefined && second !== undefined);
    shelf.lost.add('kube2');
    const places = [first, { ...second, made: false }];
    const { volume } = shelf;
    shelf.objects.volumes.force({ ...volume, status: { ...volume.status, places } });
    await shelf.until('copies elsewhere', ({ status }) => {
      const on = status.places.map((place) => place.node).toSorted();
      return on.join() === 'kube1,kube3' && status.places.every(({ made }) => made);
    });
    assert.equal(shelf.volume.status.record?.epoch, 0);
    assert.ok(shelf.told.some(({ reason }) => reason === 'PlacedAnew'));
  });

  it('empties a node with a volume that was never used', async () => {
    using shelf = new Shelf({ attachedTo: '', epoch: 0 });
    await shelf.empty('never used');
  });

  it('changes nothing when the node is back within the grace', async () => {
    using shelf = new Shelf();
    shelf.lost.add('kube2');
    await shelf.until('the copy to be away', ({ status }) => /another copy/.test(status.message));
    shelf.lost.clear();
    await shelf.until('both copies', ({ status }) => status.safety === 'Safe');
    assert.deepEqual(
      shelf.volume.status.places.map((place) => place.node),
      ['kube1', 'kube2'],
    );
  });

  it('leaves the new copies alone when the lost node is back afterwards', async () => {
    using shelf = new Shelf();
    await shelf.loseAndRepair('the first loss');
    const { places } = shelf.volume.status;
    shelf.lost.clear();
    for (let look = 0; look < 300; look += 1) await turn();
    assert.deepEqual(shelf.volume.status.places, places);
  });
});

/** Three nodes, one volume in use, and those who look after it. */
class Shelf {
  readonly objects = new MemoryObjects();
  readonly lost = new Set<string>();
  /** The controller is ended with this call and another takes over; 0 for never. */
  lastCall = 0;
  readonly told: Happening[] = [];
  /** Stores that were deleted because they are not needed. */
  erased = 0;
  /** Fewest copies in sync so far. */
  leastGood = 2;
  readonly #clock = new QuickClock();
  #controller = this.#newController();
  #living = true;
  #beats = 0;
  #tokens = 0;

  constructor(parts: { readonly attachedTo?: string; readonly epoch?: number } = {}) {
    for (const name of ['kube1', 'kube2', 'kube3']) this.objects.storageNodes.force(node(name));
    const v = used('v', { kube1: good, kube2: good });
    const { attachedTo = 'kube1', epoch = 3 } = parts;
    const { record } = v.status;
    assert.ok(record !== undefined);
    const status = { ...v.status, attachedTo, record: { ...record, epoch } };
    this.objects.volumes.force({ ...v, status });
    void this.#live();
  }

  [Symbol.dispose](): void {
    this.#living = false;
    this.#controller.stop();
  }

  get volume(): VolumeObject {
    const [volume] = this.objects.volumes.all;
    assert.ok(volume !== undefined);
    return volume;
  }

  async loseAndRepair(circumstance: string): Promise<void> {
    this.lost.add('kube2');
    await this.until(circumstance, ({ status }) =>
      status.places.every(({ node: name }) => name !== 'kube2'),
    );
    await this.until(
      circumstance,
      ({ status }) => status.safety === 'Safe' && status.tendedBy === '',
    );
    const { record, places, copies, message } = this.volume.status;
    assert.deepEqual([copies, message], ['2/2', ''], circumstance);
    const names = places.map((place) => place.node).toSorted();
    assert.deepEqual(names, ['kube1', 'kube3'], circumstance);
    const members = record?.members.map(({ id }) => id);
    const placed = places.map(({ member }) => member);
    assert.deepEqual(members, placed, circumstance);
  }

  /** Empties kube2; there are two good copies at every moment. */
  async empty(circumstance: string): Promise<void> {
    this.mark('kube2', true);
    await this.until(circumstance, ({ status }) =>
      status.places.every(({ node: name }) => name !== 'kube2'),
    );
    await this.until(
      circumstance,
      ({ status }) => status.safety === 'Safe' && status.tendedBy === '',
    );
    const { places, copies, message, tendedBy } = this.volume.status;
    assert.deepEqual([copies, message, tendedBy], ['2/2', '', ''], circumstance);
    const names = places.map((place) => place.node).toSorted();
    assert.deepEqual(names, ['kube1', 'kube3'], circumstance);
    assert.equal(this.leastGood, 2, circumstance);
  }

  mark(name: string, evacuate: boolean): void {
    const found = this.objects.storageNodes.all.find(({ metadata }) => metadata.name === name);
    assert.ok(found !== undefined);
    this.objects.storageNodes.force({ ...found, spec: { ...found.spec, evacuate } });
  }

  want(copies: number): void {
    const { volume } = this;
    this.objects.volumes.force({ ...volume, spec: { ...volume.spec, copies } });
  }

  async until(what: string, ready: (volume: VolumeObject) => boolean): Promise<void> {
    for (let look = 0; look < 3_000; look += 1) {
      if (ready(this.volume)) return;
      await turn();
    }
    assert.fail(`${what}: ${JSON.stringify(this.volume.status, undefined, 2)}`);
  }

  #newController(): Controller {
    const random = { token: () => String((this.#tokens += 1)).padStart(32, '0') };
    const log = { info: () => {}, warn: () => {} };
    const events = { tell: (one: Happening) => void this.told.push(one) };
    const now = () => `at ${this.#clock.nowMs()}`;
    const ports = { objects: this.objects, clock: this.#clock, random, log, events, now };
    const controller = new Controller(ports, { repairAfterMs });
    void controller.run();
    return controller;
  }

  async #live(): Promise<void> {
    let before = this.volume;
    while (this.#living) {
      keepsWhatCounts(before, this.volume);
      this.#nodes();
      this.#engine();
      before = this.volume;
      if (this.lastCall > 0 && this.objects.calls >= this.lastCall) {
        this.lastCall = 0;
        this.#controller.stop();
        this.#controller = this.#newController();
      }
      await turn();
    }
  }

  /** Those that are there say so, and make their copies. */
  #nodes(): void {
    this.#beats += 1;
    for (const each of this.objects.storageNodes.all) {
      if (this.lost.has(each.metadata.name)) continue;
      const status = { ...each.status, health: 'Ready', seenAt: String(this.#beats) } as const;
      this.objects.storageNodes.force({ ...each, status });
    }
    const { volume } = this;
    const places = volume.status.places
      .filter((place) => !place.erase || this.lost.has(place.node))
      .map((place) => ({ ...place, made: place.made || !this.lost.has(place.node) }));
    this.erased += volume.status.places.length - places.length;
    if (JSON.stringify(places) === JSON.stringify(volume.status.places)) return;
    this.objects.volumes.force({ ...volume, status: { ...volume.status, places } });
  }

  /**
   * Lets members go that are away or were asked to leave, and fills those that are there, one at a
   * time.
   */
  #engine(): void {
    const { volume } = this;
    const { record, places, attachedTo, tendedBy } = volume.status;
    if (record === undefined) return;
    this.leastGood = Math.min(this.leastGood, inSyncIds(record).length);
    if (attachedTo === '' && tendedBy === '') return;
    const isThere = (member: string) =>
      places.some((place) => place.member === member && place.made && !this.lost.has(place.node));
    const away = inSyncIds(record).filter((member) => !isThere(member));
    const stays = inSyncIds(record).some(
      (member) => isThere(member) && !retiringIds(record).includes(member),
    );
    const gone = away.length > 0 || !stays ? away : retiringIds(record);
    const [back] = record.members.filter(
      ({ id, inSync, retiring }) => !inSync && retiring !== true && isThere(id),
    );
    const next =
      gone.length > 0
        ? shrunk(record, new Set(gone))
        : back === undefined
          ? undefined
          : grown(record, back.id);
    if (next === undefined) return;
    this.objects.volumes.force({ ...volume, status: { ...volume.status, record: next } });
  }
}

/** Whatever the controller did between two looks. */
function keepsWhatCounts(before: VolumeObject, now: VolumeObject): void {
  // Before the first epoch nothing was ever written.
  if ((before.status.record?.epoch ?? 0) === 0) return;
  const ids = now.status.record?.members.map(({ id }) => id) ?? [];
  for (const { id, inSync } of before.status.record?.members ?? []) {
    assert.ok(!inSync || ids.includes(id), `${id} is in sync and was let go`);
  }
  const fresh = ids.filter((id) => !before.status.places.some(({ member }) => member === id));
  assert.ok(fresh.length <= 1, `one new copy at a time, not ${fresh.join(' and ')}`);
}
