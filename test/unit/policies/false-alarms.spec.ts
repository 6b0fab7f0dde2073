/** Shapes that are right as they are get no violation from any policy. */
import { deepEqual } from 'node:assert/strict';
import { rules } from '../../../policies/rules.ts';
import { shapes } from './corpus/shapes.ts';
import { findingsOf } from './support/judge.ts';

describe('false alarms', () => {
  for (const { name, resources } of shapes) {
    it(`raises none for ${name}`, () => {
      const alarms = rules.flatMap((rule) =>
        findingsOf(rule, resources)
          .filter((finding) => finding.level === 'violation')
          .map((finding) => `${rule.id}: ${finding.object.name} ${finding.field} ${finding.found}`),
      );
      deepEqual(alarms, []);
    });
  }
});
