import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RangeOrder } from '../../../dataplane/volume/range-order.ts';

interface Held {
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly exclusive: boolean;
}

const clash = (a: Held, b: Held) =>
  (a.exclusive || b.exclusive) && a.start < b.end && b.start < a.end;

describe('RangeOrder', () => {
  const step = fc.record({
    leave: fc.boolean(),
    start: fc.nat(9),
    length: fc.integer({ min: 1, max: 4 }),
    exclusive: fc.boolean(),
    which: fc.nat(30),
  });

  it('I-15 never lets two that overlap hold at once, keeps their order, and forgets nobody', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const order = new RangeOrder();
        const all: Held[] = [];
        const granted = new Set<number>();
        let nextId = 1;
        const grant = (id: number) => {
          const mine = all.find((held) => held.id === id);
          assert.ok(mine !== undefined && !granted.has(id), 'only those who wait are let in');
          for (const other of all) {
            if (other.id === id) break;
            assert.ok(!clash(mine, other), `${id} went in before ${other.id}`);
          }
          granted.add(id);
        };
        const leave = (id: number) => {
          const next = order.leave(id);
          all.splice(
            all.findIndex((held) => held.id === id),
            1,
          );
          granted.delete(id);
          for (const turn of next) grant(turn);
        };
        for (const { leave: leaves, start, length, exclusive, which } of steps) {
          const inside = [...granted];
          const chosen = inside[which % Math.max(1, inside.length)];
          if (leaves && chosen !== undefined) leave(chosen);
          else {
            const held = { id: nextId++, start, end: start + length, exclusive };
            all.push(held);
            const span = { offsetBytes: start, lengthBytes: length };
            if (order.enter(held.id, span, exclusive)) grant(held.id);
            else assert.ok(all.some((other) => other !== held && clash(other, held)));
          }
        }
        for (let guard = 0; all.length > 0; guard++) {
          assert.ok(guard < 1000, 'somebody waits for ever');
          const [first] = granted;
          assert.ok(first !== undefined, 'somebody waits although nobody holds');
          leave(first);
        }
      }),
    );
  });
});
