import assert from 'node:assert/strict';
import { RangeTurns, type Turn } from '../../../dataplane/nbd/range-turns.ts';

const whole = (startBytes: number, endBytes: number) => ({ startBytes, endBytes, partial: false });
const part = (startBytes: number, endBytes: number) => ({ startBytes, endBytes, partial: true });
const waiting = (turns: readonly Turn[]) => turns.map((turn) => turn.waiting);

describe('RangeTurns', () => {
  it('lets whole-block changes run together, overlapping or not', () => {
    const turns = new RangeTurns();
    const entered = [turns.enter(whole(0, 8)), turns.enter(whole(4, 12))];
    assert.deepEqual(waiting(entered), [false, false]);
  });

  it('makes a partial change wait for a whole one that overlaps, and the next for it', () => {
    const turns = new RangeTurns();
    const first = turns.enter(whole(0, 8));
    const second = turns.enter(part(4, 8));
    const third = turns.enter(whole(0, 8));
    const elsewhere = turns.enter(part(8, 12));
    assert.deepEqual(waiting([first, second, third, elsewhere]), [false, true, true, false]);
    turns.leave(first);
    assert.deepEqual(waiting([second, third]), [false, true]);
    turns.leave(second);
    assert.deepEqual(waiting([third]), [false]);
  });

  it('calls back once, when the turn has come', () => {
    const turns = new RangeTurns();
    const first = turns.enter(part(0, 4));
    const second = turns.enter(part(0, 4));
    let calls = 0;
    second.whenBegun(() => {
      calls += 1;
    });
    turns.leave(first);
    turns.leave(second);
    assert.equal(calls, 1);
  });
});
