/**
 * The gate's share of simulation: many seeds without a violation, every planted bug found, and the
 * same story twice for one seed. Longer runs: `node test/sim/run.ts --seeds 20000`.
 */
import assert from 'node:assert/strict';
import { plants } from './plants.ts';
import { explain, shorten } from './run.ts';
import { simulate } from './simulation.ts';

const seedCount = 1000;
/** Runs without a budget of faults: nothing must work, and nothing may be wrong. */
const honestCount = 150;
/** The tests of one `it` share no state; each piece is small enough to show progress. */
const pieces = 10;

describe('simulation', function () {
  this.timeout(600_000);

  for (let piece = 0; piece < pieces; piece++) {
    const from = 1 + (piece * seedCount) / pieces;
    const to = from + seedCount / pieces - 1;
    it(`keeps every promise [seeds ${from} to ${to}]`, async () => {
      for (let seed = from; seed <= to; seed++) {
        const result = await simulate({ seed });
        if (result.violation === undefined) continue;
        assert.fail(explain(result, await shorten(result)));
      }
    });
  }

  it(`never lies when faults leave nothing whole [seeds 1 to ${honestCount}]`, async () => {
    const variant = { budget: false };
    for (let seed = 1; seed <= honestCount; seed++) {
      const result = await simulate({ ...variant, seed });
      if (result.violation === undefined) continue;
      assert.fail(explain(result, await shorten(result, variant), variant));
    }
  });

  it('tells the same story twice for the same seed', async () => {
    for (const seed of [1, 34, 229]) {
      const first = await simulate({ seed });
      const second = await simulate({ seed });
      assert.equal(second.hash, first.hash, `seed ${seed} gave two traces`);
      assert.equal(second.eventCount, first.eventCount);
    }
  });

  it('tells different stories for different seeds', async () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      hashes.add((await simulate({ seed })).hash);
    }
    assert.equal(hashes.size, 20);
  });
});

describe('planted bug', function () {
  this.timeout(600_000);

  for (const { name, what, seedsMax, ...variant } of plants) {
    it(`is found within ${seedsMax} seeds when the code ${what} [${name}]`, async () => {
      for (let seed = 1; seed <= seedsMax; seed++) {
        const result = await simulate({ ...variant, seed, plants: { [name]: true } });
        if (result.violation !== undefined) return;
      }
      assert.fail(`${name} was not found in ${seedsMax} seeds: the simulator does not see it`);
    });
  }
});
