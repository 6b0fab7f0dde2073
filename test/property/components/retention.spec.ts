import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Copy, type KeepPolicy, removable } from '../../../components/rules/retention.ts';

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

/** Copies at different hours of two years, good or not, in any order. */
const copies: fc.Arbitrary<readonly Copy[]> = fc
  .uniqueArray(fc.record({ hour: fc.nat(17_520), isGood: fc.boolean() }), {
    selector: ({ hour }) => hour,
    maxLength: 60,
  })
  .map((taken) =>
    taken.map(({ hour, isGood }) => ({
      id: String(hour),
      takenMs: startMs + hour * hourMs,
      isGood,
    })),
  );
const policy: fc.Arbitrary<KeepPolicy> = fc.record({
  last: fc.nat(8),
  daily: fc.nat(10),
  weekly: fc.nat(6),
  monthly: fc.nat(6),
});
const later = fc.nat(1000).map((hours) => startMs + (17_520 + hours) * hourMs);

const left = (all: readonly Copy[], gone: readonly Copy[]) =>
  all.filter((copy) => !gone.includes(copy));
const good = (all: readonly Copy[]) => all.filter(({ isGood }) => isGood);
const newest = (all: readonly Copy[]) => all.toSorted((a, b) => b.takenMs - a.takenMs)[0];

describe('retention', () => {
  it('leaves three good copies, or all when there are fewer, whatever the policy and the age', () => {
    fc.assert(
      fc.property(copies, policy, later, (all, keep, nowMs) => {
        const remaining = good(left(all, removable(all, keep, nowMs)));
        assert.ok(remaining.length >= Math.min(3, good(all).length));
      }),
    );
  });

  it('never removes the newest good copy', () => {
    fc.assert(
      fc.property(copies, policy, later, (all, keep, nowMs) => {
        const best = newest(good(all));
        assert.ok(best === undefined || !removable(all, keep, nowMs).includes(best));
      }),
    );
  });

  it('lets no copy that is not good push a good one out', () => {
    fc.assert(
      fc.property(copies, policy, later, (all, keep, nowMs) => {
        const gone = good(removable(all, keep, nowMs));
        assert.deepEqual(gone, removable(good(all), keep, nowMs));
      }),
    );
  });

  it('keeps what is newer than the newest good copy: it may still be written', () => {
    fc.assert(
      fc.property(copies, policy, later, (all, keep, nowMs) => {
        const best = newest(good(all))?.takenMs ?? Number.NEGATIVE_INFINITY;
        assert.ok(removable(all, keep, nowMs).every(({ takenMs }) => takenMs < best));
      }),
    );
  });

  it('removes nothing more when it is asked again, and nothing for the passing of time', () => {
    fc.assert(
      fc.property(copies, policy, later, fc.nat(20_000), (all, keep, nowMs, hours) => {
        const once = left(all, removable(all, keep, nowMs));
        assert.deepEqual(removable(once, keep, nowMs + hours * hourMs), []);
      }),
    );
  });

  it('removes nothing while the clock is behind the newest copy', () => {
    fc.assert(
      fc.property(copies, policy, fc.nat(17_520), (all, keep, hour) => {
        const nowMs = startMs + hour * hourMs - 1;
        fc.pre((newest(all)?.takenMs ?? 0) > nowMs);
        assert.deepEqual(removable(all, keep, nowMs), []);
      }),
    );
  });

  it('keeps at least as much when a number in the policy is raised', () => {
    fc.assert(
      fc.property(copies, policy, policy, later, (all, keep, more, nowMs) => {
        const raised = {
          last: keep.last + more.last,
          daily: keep.daily + more.daily,
          weekly: keep.weekly + more.weekly,
          monthly: keep.monthly + more.monthly,
        };
        const before = new Set(removable(all, keep, nowMs));
        assert.ok(removable(all, raised, nowMs).every((copy) => before.has(copy)));
      }),
    );
  });
});
