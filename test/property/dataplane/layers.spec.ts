import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../dataplane/base/fault.ts';
import { Prng } from '../../../dataplane/base/prng.ts';
import { createStore, type HostedStore, openStore } from '../../../dataplane/drive/hosted-store.ts';
import { SimMedium } from '../../sim/medium.ts';
import { Crash, CrashDisk } from './crash-disk.ts';

const blockBytes = 64;
const regionBlocks = 4;
const blocksAtFirst = 10;
const names = { volume: 'v', member: 'm' };

type Action =
  | { readonly kind: 'write'; readonly block: number; readonly count: number }
  | { readonly kind: 'zeroes' | 'trim'; readonly block: number; readonly count: number }
  | { readonly kind: 'flush' | 'clean' | 'merge' | 'grow' | 'reopen' | 'fill' | 'room' }
  | { readonly kind: 'snapshot' | 'delete' | 'revert'; readonly name: string };

/** A value is a byte that fills a block; 0 is what was never written. */
type Values = readonly number[];

/** What a volume is, said as simply as can be. */
interface Model {
  /** What a read must show now. */
  head: number[];
  /** What a power cut may leave of each block. */
  possible: Set<number>[];
  snapshots: Map<string, Values>;
}

/** A store on a medium, beside its model. */
class Bench {
  readonly medium: SimMedium;
  readonly model: Model = {
    head: Array.from({ length: blocksAtFirst }, () => 0),
    possible: Array.from({ length: blocksAtFirst }, () => new Set([0])),
    snapshots: new Map(),
  };
  disk: CrashDisk;
  #hosted: HostedStore | undefined;
  #value = 0;
  #sequence = 1;

  private constructor(seed: number) {
    this.medium = new SimMedium(new Prng(seed), {
      name: 'm',
      dataUnitBytes: blockBytes,
      slowestMs: 1,
    });
    this.disk = new CrashDisk(this.medium);
  }

  static async make(seed: number): Promise<Bench> {
    const bench = new Bench(seed);
    const geometry = { sizeBytes: blocksAtFirst * blockBytes, blockBytes, regionBlocks };
    const birth = { lineage: 'l', withVolume: true };
    await createStore(bench.disk, { ...names, geometry }, birth);
    await bench.open();
    return bench;
  }

  get #open(): HostedStore {
    assert.ok(this.#hosted !== undefined);
    return this.#hosted;
  }

  async open(): Promise<void> {
    this.#hosted = await openStore(this.disk, names);
    await this.#open.runner.run(this.#open.store.promise(1, 'e'));
  }

  async act(action: Action): Promise<void> {
    const { store, runner } = this.#open;
    const { model } = this;
    switch (action.kind) {
      case 'write':
      case 'zeroes':
      case 'trim':
        await this.#write(action);
        return;
      case 'fill':
      case 'room':
        this.disk.full = action.kind === 'fill';
        return;
      case 'flush':
        await runner.run(store.flush());
        model.possible = model.head.map((value) => new Set([value]));
        return;
      case 'clean':
        await runner.run(store.flush());
        model.possible = model.head.map((value) => new Set([value]));
        store.flushedEverywhere(this.#sequence);
        await runner.run(store.clean());
        return;
      case 'merge':
        await runner.run(store.mergeStep());
        return;
      case 'grow': {
        const grown = (model.head.length + 3) * blockBytes;
        for (let more = 0; more < 3; more++) {
          model.head.push(0);
          model.possible.push(new Set([0]));
        }
        await runner.run(store.resize(grown));
        return;
      }
      case 'reopen':
        await runner.run(store.close());
        model.possible = model.head.map((value) => new Set([value]));
        await this.open();
        return;
      case 'snapshot':
        await runner.run(store.snapshot(action.name));
        if (!model.snapshots.has(action.name)) {
          model.snapshots.set(action.name, [...model.head]);
          model.possible = model.head.map((value) => new Set([value]));
        }
        return;
      case 'delete':
        await runner.run(store.deleteSnapshot(action.name));
        model.snapshots.delete(action.name);
        return;
      case 'revert': {
        const target = model.snapshots.get(action.name);
        if (target === undefined) return;
        await runner.run(store.revert(action.name));
        model.head = model.head.map((_, block) => target[block] ?? 0);
        model.possible = model.head.map((value) => new Set([value]));
      }
    }
  }

  async #write(action: Extract<Action, { readonly block: number }>): Promise<void> {
    const { store, runner } = this.#open;
    const { head, possible } = this.model;
    const first = action.block % head.length;
    const count = Math.min(action.count, head.length - first);
    this.#value = action.kind === 'write' ? (this.#value % 250) + 1 : this.#value;
    const value = action.kind === 'write' ? this.#value : 0;
    for (let block = first; block < first + count; block++) possible[block]?.add(value);
    this.#sequence += 1;
    const order = { sequence: this.#sequence, fua: false };
    const span = { offsetBytes: first * blockBytes, lengthBytes: count * blockBytes };
    if (action.kind === 'trim') await runner.run(store.zero(span, order));
    else {
      const bytes = new Uint8Array(span.lengthBytes).fill(value);
      await runner.run(store.write(span.offsetBytes, bytes, order));
    }
    for (let block = first; block < first + count; block++) head[block] = value;
  }

  /** The power fails in the middle of the action, after so many commands. False: it had ended. */
  async crashIn(action: Action, commands: number): Promise<boolean> {
    this.disk.left = commands;
    const before = structuredClone(this.model);
    try {
      await this.act(action);
      this.disk.left = Infinity;
      return false;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    this.medium.cutPower();
    this.disk = new CrashDisk(this.medium);
    await this.open();
    await this.#settle(action, before);
    return true;
  }

  /** What happens at once or not at all may have happened. */
  async #settle(action: Action, before: Model): Promise<void> {
    const { model } = this;
    const { store } = this.#open;
    const found = new Set(store.snapshots.map(({ snapshot }) => snapshot));
    model.snapshots = new Map(before.snapshots);
    if (action.kind === 'snapshot' && found.has(action.name)) {
      if (!before.snapshots.has(action.name)) model.snapshots.set(action.name, before.head);
    }
    if (action.kind === 'delete' && !found.has(action.name)) model.snapshots.delete(action.name);
    const length = store.geometry.sizeBytes / blockBytes;
    assert.ok(length === before.head.length || action.kind === 'grow', 'the size is as it was');
    model.possible.length = length;
    const shown = await this.#show(undefined, length);
    const target = action.kind === 'revert' ? before.snapshots.get(action.name) : undefined;
    if (target !== undefined && shown.every((value, block) => value === (target[block] ?? 0))) {
      model.possible = shown.map((value) => new Set([value]));
    }
    shown.forEach((value, block) => {
      const may = [...(model.possible[block] ?? [])];
      assert.ok(may.includes(value), `block ${block} is ${value}, may be ${may.join()}`);
    });
    model.head = shown;
  }

  /** As `act`, on a disk that may have no room: then each block is as it was or as it was to be. */
  async tryTo(action: Action): Promise<void> {
    const before = structuredClone(this.model);
    try {
      await this.act(action);
      return;
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === 'disk.full' && error.retriable);
    }
    const length = this.#open.store.geometry.sizeBytes / blockBytes;
    assert.equal(length, before.head.length, 'the size is as it was');
    const { possible } = this.model;
    this.model.possible = possible.slice(0, length);
    this.model.snapshots = before.snapshots;
    this.model.head = await this.#show(undefined, length);
    const isWrite = 'block' in action;
    this.model.head.forEach((value, block) => {
      const may = [before.head[block], ...(isWrite ? [this.#wanted(action)] : [])];
      assert.ok(may.includes(value), `block ${block} is ${value}, may be ${may.join()}`);
    });
  }

  #wanted(action: Action): number {
    return action.kind === 'write' ? this.#value : 0;
  }

  async check(): Promise<void> {
    const { model } = this;
    assert.deepEqual(await this.#show(undefined, model.head.length), model.head, 'the head');
    const found = this.#open.store.snapshots.map(({ snapshot }) => snapshot);
    assert.deepEqual(found.sort(), [...model.snapshots.keys()].sort(), 'the snapshots');
    for (const [name, values] of model.snapshots) {
      const expected = model.head.map((_, block) => values[block] ?? 0);
      assert.deepEqual(await this.#show(name, model.head.length), expected, `snapshot ${name}`);
    }
  }

  /** Block numbers. */
  async difference(views: { readonly from?: string; readonly to?: string }): Promise<number[]> {
    const { store, runner } = this.#open;
    const span = { offsetBytes: 0, lengthBytes: this.model.head.length * blockBytes };
    const runs = await runner.run(store.difference(views, span));
    return runs.flatMap(({ first, end }) =>
      Array.from({ length: end - first }, (_, index) => first + index),
    );
  }

  /** What is not named as different is the same; what differs is named. */
  async checkDifferences(): Promise<void> {
    const { head, snapshots } = this.model;
    const views: readonly (readonly [string | undefined, Values])[] = [
      [undefined, head],
      ...snapshots,
    ];
    for (const [to, above] of views) {
      for (const [from, below] of [[undefined, []] as const, ...snapshots]) {
        const names = {
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
        };
        const named = new Set(await this.difference(names));
        for (let block = 0; block < head.length; block++) {
          const same = (above[block] ?? 0) === (below[block] ?? 0);
          assert.ok(same || named.has(block), `block ${block} from ${from} to ${to}`);
        }
      }
    }
  }

  async mergeAll(): Promise<void> {
    const { store, runner } = this.#open;
    while (await runner.run(store.mergeStep())) await this.check();
  }

  get layerFiles(): readonly string[] {
    return [...this.medium.files.keys()].filter((name) => name.startsWith('data-'));
  }

  async #show(snapshot: string | undefined, length: number): Promise<number[]> {
    const { store, runner } = this.#open;
    const span = { offsetBytes: 0, lengthBytes: length * blockBytes };
    const outcome = await runner.run(
      snapshot === undefined ? store.read(span) : store.readSnapshot(snapshot, span),
    );
    assert.ok(outcome?.kind === 'data', `corrupt: ${JSON.stringify(outcome)}`);
    const values: number[] = [];
    for (let block = 0; block < length; block++) {
      const bytes = outcome.bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
      const [value = 0] = bytes;
      assert.ok(
        bytes.every((byte) => byte === value),
        `block ${block} is a mixture`,
      );
      values.push(value);
    }
    return values;
  }
}

const place = { block: fc.nat(15), count: fc.integer({ min: 1, max: 6 }) };
const name = fc.constantFrom('a', 'b', 'c');
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), ...place }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('zeroes' as const, 'trim' as const), ...place }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('flush', 'flush', 'clean', 'merge', 'grow', 'reopen' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('snapshot', 'snapshot', 'delete', 'revert' as const),
      name,
    }),
  },
);

describe('layers of a store', function layers() {
  this.timeout(60_000);

  it('show what a volume with snapshots must show, whatever is done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(action, { maxLength: 25 }), async (seed, actions) => {
        const bench = await Bench.make(seed);
        for (const one of actions) {
          await bench.act(one);
          await bench.check();
          await bench.checkDifferences();
        }
        await bench.mergeAll();
      }),
      { numRuns: 150 },
    );
  });

  it('lose nothing that was flushed or cut when the power fails at any command', async () => {
    const crashing = fc.tuple(action, fc.option(fc.integer({ min: 1, max: 12 })));
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(crashing, { maxLength: 20 }), async (seed, actions) => {
        const bench = await Bench.make(seed);
        for (const [one, commands] of actions) {
          await bench.crashIn(one, commands ?? Infinity);
          await bench.check();
        }
        await bench.mergeAll();
      }),
      { numRuns: 600 },
    );
  });

  it('refuse what has no room without harm, and go on when there is some', async () => {
    const filling = fc.constantFrom<Action>({ kind: 'fill' }, { kind: 'room' });
    const actions = fc.array(fc.oneof({ weight: 4, arbitrary: action }, filling), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(), actions, async (seed, some) => {
        const bench = await Bench.make(seed);
        for (const one of some) {
          await bench.tryTo(one);
          await bench.check();
        }
        for (const one of [{ kind: 'room' }, { kind: 'clean' }] as const) await bench.act(one);
        await bench.mergeAll();
      }),
      { numRuns: 300 },
    );
  });

  it('merge what had no room before when there is some', async () => {
    const bench = await Bench.make(1);
    for (const one of story) await bench.act(one);
    await bench.act({ kind: 'delete', name: 'c' });
    await bench.act({ kind: 'fill' });
    for (let step = 0; step < 8; step++) {
      await bench.tryTo({ kind: 'merge' });
      await bench.check();
    }
    await bench.act({ kind: 'room' });
    await bench.mergeAll();
    await bench.check();
    assert.equal(bench.layerFiles.length, 3);
  });

  /** Three layers with something in each, one of them to be merged. */
  const story: readonly Action[] = [
    { kind: 'write', block: 0, count: 6 },
    { kind: 'snapshot', name: 'a' },
    { kind: 'write', block: 2, count: 2 },
    { kind: 'trim', block: 4, count: 3 },
    { kind: 'snapshot', name: 'b' },
    { kind: 'zeroes', block: 0, count: 1 },
    { kind: 'write', block: 9, count: 1 },
    { kind: 'snapshot', name: 'c' },
    { kind: 'write', block: 3, count: 1 },
    { kind: 'flush' },
  ];
  const endings: readonly (readonly [string, readonly Action[]])[] = [
    ['snapshot', [{ kind: 'snapshot', name: 'd' }]],
    ['revert', [{ kind: 'revert', name: 'a' }]],
    ['grow', [{ kind: 'grow' }]],
    ['merge into a frozen layer', [{ kind: 'delete', name: 'a' }, ...merges(4)]],
    ['merge into the head', [{ kind: 'delete', name: 'c' }, ...merges(4)]],
    ['flush after a trim upon a snapshot', zeroing('trim')],
    ['flush after zeroes upon a snapshot', zeroing('zeroes')],
    ['merge of everything', ['a', 'b', 'c'].flatMap(deletion)],
  ];
  for (const [what, ending] of endings) {
    it(`hold at every command of a ${what}`, async () => {
      for (let commands = 1, ended = false; !ended; commands++) {
        const bench = await Bench.make(commands);
        for (const one of story) await bench.act(one);
        ended = true;
        let left = commands;
        for (const one of ending) {
          const before = bench.disk.count;
          if (await bench.crashIn(one, left)) {
            ended = false;
            await bench.check();
            break;
          }
          left -= bench.disk.count - before;
        }
        await bench.mergeAll();
        await bench.check();
        assert.ok(commands < 2000, 'the story comes to an end');
      }
    });
  }

  it('name only the blocks that a snapshot changed', async () => {
    const bench = await Bench.make(1);
    for (const one of story) await bench.act(one);
    assert.deepEqual(await bench.difference({ from: 'a', to: 'b' }), [2, 3, 4, 5, 6]);
    assert.deepEqual(await bench.difference({ from: 'b', to: 'c' }), [0, 9]);
    assert.deepEqual(await bench.difference({ from: 'c' }), [3]);
    assert.deepEqual(await bench.difference({ to: 'a' }), [0, 1, 2, 3, 4, 5]);
  });

  it('give all files of deleted snapshots back', async () => {
    const bench = await Bench.make(1);
    for (const one of story) await bench.act(one);
    assert.equal(bench.layerFiles.length, 4);
    for (const one of ['a', 'b', 'c'].flatMap(deletion)) await bench.act(one);
    await bench.mergeAll();
    assert.equal(bench.layerFiles.length, 1);
    await bench.check();
  });
});

function merges(count: number): readonly Action[] {
  return Array.from({ length: count }, () => ({ kind: 'merge' }));
}

/** Of a block that is something below; flushed, and then the power may fail. */
function zeroing(kind: 'trim' | 'zeroes'): readonly Action[] {
  return [{ kind, block: 2, count: 1 }, { kind: 'flush' }, { kind: 'write', block: 9, count: 1 }];
}

function deletion(one: string): readonly Action[] {
  return [{ kind: 'delete', name: one }, ...merges(4)];
}
