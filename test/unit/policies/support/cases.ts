/** A policy's test as a table: a circumstance, the resources, and what the policy answers. */
import { deepEqual } from 'node:assert/strict';
import type { GivenResource } from '../../../../policies/model/declared.ts';
import type { Rule } from '../../../../policies/rule.ts';
import type { Inputs } from './given.ts';
import { verdicts } from './judge.ts';

export type Case = readonly [
  circumstance: string,
  resources: readonly GivenResource[],
  expected: readonly string[],
  config?: Inputs,
];

export function describePolicy(rule: Rule, cases: readonly Case[]): void {
  describe(rule.id, () => {
    for (const [circumstance, resources, expected, config] of cases) {
      const answer = expected.length === 0 ? 'is silent' : `answers ${expected.join(' and ')}`;
      it(`${answer} when ${circumstance}`, () => {
        deepEqual(verdicts(rule, resources, config), expected);
      });
    }
  });
}
