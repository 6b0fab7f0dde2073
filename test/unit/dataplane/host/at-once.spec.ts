import { strict as assert } from 'node:assert';
import { AtOnce } from '../../../../dataplane/host/at-once.ts';

/** How many of `count` operations were done at once, when each would take this long. */
function doneAtOnce(pace: AtOnce, count: number, tookMs: (index: number) => number): number {
  let done = 0;
  for (let index = 0; index < count; index++) {
    if (!pace.next) continue;
    done += 1;
    pace.took(tookMs(index), 4096);
  }
  return done;
}

describe('at once', () => {
  it('does everything at once while nothing is slow', () => {
    assert.equal(
      doneAtOnce(new AtOnce(1), 1000, () => 0.01),
      1000,
    );
  });

  it('forgives a slow one now and then', () => {
    assert.equal(
      doneAtOnce(new AtOnce(1), 1000, (index) => (index % 20 === 0 ? 3 : 0.01)),
      1000,
    );
  });

  it('leaves nearly everything to threads when all are slow', () => {
    const done = doneAtOnce(new AtOnce(1), 1000, () => 3);
    assert.ok(done < 40, `${done} of 1000 were done at once`);
  });

  it('stops after a single one that was slow beyond measure', () => {
    const pace = new AtOnce(1);
    pace.took(200, 4096);
    assert.equal(pace.next, false);
  });

  it('comes back when the medium is fast again', () => {
    const pace = new AtOnce(1);
    doneAtOnce(pace, 100, () => 3);
    doneAtOnce(pace, 300, () => 0.01);
    assert.equal(
      doneAtOnce(pace, 100, () => 0.01),
      100,
    );
  });

  it('tries none where threads tell how slow they are, and begins when those were fast', () => {
    const pace = new AtOnce(0.5, { probes: false });
    assert.equal(
      doneAtOnce(pace, 1000, () => 0.1),
      0,
    );
    for (let index = 0; index < 10; index++) pace.took(0.1, 4096);
    assert.equal(
      doneAtOnce(pace, 1000, () => 0.1),
      1000,
    );
    pace.took(100, 4096);
    assert.equal(
      doneAtOnce(pace, 1000, () => 0.1),
      0,
    );
  });

  it('expects long ones to take longer', () => {
    const pace = new AtOnce(1);
    for (let index = 0; index < 100; index++) pace.took(1.9, 2 ** 20);
    assert.equal(pace.next, true);
  });
});
