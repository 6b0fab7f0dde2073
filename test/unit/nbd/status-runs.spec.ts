import assert from 'node:assert/strict';
import { mergeRuns } from '../../../dataplane/nbd/status-runs.ts';

const run = (lengthBytes: number, state: number) => ({ lengthBytes, state });

describe('status runs', () => {
  it('join neighbours of the same state', () => {
    const runs = [run(1, 0), run(2, 0), run(3, 1), run(4, 0)];
    assert.deepEqual(mergeRuns(runs, 10), [run(3, 0), run(3, 1), run(4, 0)]);
  });

  it('end where the limit is, with the last one still growing', () => {
    const runs = [run(1, 0), run(2, 1), run(3, 1), run(4, 0)];
    assert.deepEqual(mergeRuns(runs, 2), [run(1, 0), run(5, 1)]);
    assert.deepEqual(mergeRuns(runs, 1), [run(1, 0)]);
  });

  it('never grow beyond 32 bits', () => {
    const long = run(2 ** 31, 3);
    const merged = mergeRuns([long, long, long], 10);
    assert.deepEqual(merged, [long, long, long]);
  });
});
