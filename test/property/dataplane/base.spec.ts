import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Bitmap } from '../../../dataplane/base/bitmap.ts';
import { BoundedQueue } from '../../../dataplane/base/bounded-queue.ts';
import { IdMap } from '../../../dataplane/base/id-map.ts';
import { Prng } from '../../../dataplane/base/prng.ts';
import { ByteReader, ByteWriter } from '../../../dataplane/base/bytes.ts';

describe('IdMap', () => {
  it('behaves like a Map from ids that are handed out in order', () => {
    // Ids that fall on the same places, and some from far above, as the engine's own have.
    const id = fc.oneof(
      fc.nat(40),
      fc.nat(40).map((at) => at * 64),
      fc.nat(40).map((at) => 2 ** 40 + at),
    );
    const steps = fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (list) => {
        const map = new IdMap<string>();
        const model = new Map<number, string>();
        for (const [index, [add, key]] of list.entries()) {
          if (add) {
            map.set(key, `value ${index}`);
            model.set(key, `value ${index}`);
          } else {
            assert.equal(map.delete(key), model.delete(key));
          }
          assert.equal(map.get(key), model.get(key));
          assert.equal(map.has(key), model.has(key));
          assert.equal(map.size, model.size);
        }
        assert.deepEqual(
          map.entries(),
          [...model].sort(([a], [b]) => a - b),
        );
      }),
    );
  });
});

describe('Bitmap', () => {
  it('behaves like a Set of small numbers', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(99)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (list) => {
        const bitmap = new Bitmap(100);
        const model = new Set<number>();
        for (const [add, index] of list) {
          if (add) {
            bitmap.add(index);
            model.add(index);
          } else {
            bitmap.delete(index);
            model.delete(index);
          }
        }
        const expected = [...model].sort((a, b) => a - b);
        assert.deepEqual([...bitmap.members()], expected);
        assert.deepEqual([...new Bitmap(100, bitmap.bytes.slice()).members()], expected);
      }),
    );
  });

  it('holds the union after addAll', () => {
    const set = fc.uniqueArray(fc.nat(63));
    fc.assert(
      fc.property(set, set, (a, b) => {
        const left = new Bitmap(64);
        const right = new Bitmap(64);
        for (const index of a) left.add(index);
        for (const index of b) right.add(index);
        left.addAll(right);
        const expected = [...new Set([...a, ...b])].sort((x, y) => x - y);
        assert.deepEqual([...left.members()], expected);
      }),
    );
  });
});

describe('BoundedQueue', () => {
  it('behaves like an array and refuses to grow beyond its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (steps) => {
        const queue = new BoundedQueue<number>(20);
        const model: number[] = [];
        let next = 0;
        for (const push of steps) {
          if (!push) assert.equal(queue.shift(), model.shift());
          else if (queue.full) {
            assert.throws(() => {
              queue.push(next);
            }, /I-22/);
          } else {
            queue.push(next);
            model.push(next);
            next += 1;
          }
          assert.equal(queue.length, model.length);
        }
      }),
    );
  });
});

describe('Prng', () => {
  it('gives the same stream for the same seed, and a fork the same whatever was drawn before', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), fc.nat(20), (seed, name, drawn) => {
        const fresh = new Prng(seed).fork(name);
        const used = new Prng(seed);
        for (let index = 0; index < drawn; index++) used.uint32();
        const fork = used.fork(name);
        for (let index = 0; index < 5; index++) assert.equal(fork.uint32(), fresh.uint32());
      }),
    );
  });

  it('stays inside its bounds and reaches both ends', () => {
    const prng = new Prng(7);
    const seen = new Set(Array.from({ length: 500 }, () => prng.between(3, 9)));
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [3, 4, 5, 6, 7, 8, 9],
    );
  });
});

describe('ByteWriter', () => {
  it('writes what ByteReader reads', () => {
    const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const u64 = fc.maxSafeNat();
    const text = fc.stringMatching(/^[a-z0-9-]{0,40}$/);
    fc.assert(
      fc.property(fc.nat(255), u32, u64, text, (small, medium, large, name) => {
        const { bytes } = new ByteWriter(53).u8(small).u32(medium).u64(large).text(name, 40);
        const reader = new ByteReader(bytes);
        assert.deepEqual(
          [reader.u8(), reader.u32(), reader.u64(), reader.text(40), reader.remaining],
          [small, medium, large, name, 0],
        );
      }),
    );
  });

  it('refuses what does not fit', () => {
    assert.throws(() => new ByteWriter(4).u64(1), /beyond the end/);
    assert.throws(() => new ByteWriter(4).u32(2 ** 32), /out of range/);
    assert.throws(() => new ByteReader(new Uint8Array(3)).u32(), RangeError);
  });
});
