import assert from 'node:assert/strict';
import { Coverage } from '../../../dataplane/nbd/coverage.ts';

describe('Coverage', () => {
  it('is exact when parts in any order fill the whole', () => {
    const coverage = new Coverage();
    for (const [start, end] of [
      [8, 12],
      [0, 4],
      [4, 8],
    ] as const) {
      assert.equal(coverage.add(start, end), true);
    }
    assert.equal(coverage.isExactly(0, 12), true);
    assert.equal(coverage.parts, 1);
  });

  it('refuses a part that was there and stays as it was', () => {
    const coverage = new Coverage();
    coverage.add(0, 4);
    coverage.add(8, 12);
    for (const [start, end] of [
      [0, 4],
      [3, 5],
      [7, 9],
      [2, 10],
      [11, 12],
    ] as const) {
      assert.equal(coverage.add(start, end), false, `${start}-${end}`);
    }
    assert.equal(coverage.parts, 2);
    assert.equal(coverage.isExactly(0, 12), false);
  });
});
