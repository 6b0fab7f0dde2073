/**
 * Shapes that are right as they are get no violation from any policy; nor do they when one of their
 * values is known only after the update, whichever it is.
 */
import { deepEqual } from 'node:assert/strict';
import { type GivenResource } from '../../../policies/model/declared.ts';
import { plainFields, UNKNOWN } from '../../../policies/model/value.ts';
import { rules } from '../../../policies/rules.ts';
import { shapes } from './corpus/shapes.ts';
import { guarded } from './support/given.ts';
import { findingsOf } from './support/judge.ts';

function alarms(resources: readonly GivenResource[]): readonly string[] {
  return rules.flatMap((rule) =>
    findingsOf(rule, resources)
      .filter((finding) => finding.level === 'violation')
      .map((finding) => `${rule.id}: ${finding.object.name} ${finding.field} ${finding.found}`),
  );
}

type Path = readonly (string | number)[];

/** Every path into a value, except to its root. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => {
    const inner = [...path, key];
    return [inner, ...pathsOf((value as Record<string | number, unknown>)[key], inner)];
  });
}

function withUnknown(resource: GivenResource, path: Path): GivenResource {
  const copy = structuredClone(plainFields(resource.props)) as Record<string, unknown>;
  let here = copy;
  for (const step of path.slice(0, -1)) here = here[step] as Record<string, unknown>;
  here[path.at(-1) ?? ''] = UNKNOWN;
  return { ...resource, props: guarded(copy) };
}

describe('false alarms', () => {
  for (const { name, resources } of shapes) {
    it(`are not raised for ${name}`, () => {
      deepEqual(alarms(resources), []);
    });

    it(`are not raised for ${name}, whichever value a preview does not know`, () => {
      const raised = resources.flatMap((resource, index) =>
        pathsOf(plainFields(resource.props)).flatMap((path) => {
          const changed = resources.with(index, withUnknown(resource, path));
          return alarms(changed).map((alarm) => `${path.join('.')} unknown: ${alarm}`);
        }),
      );
      deepEqual(raised, []);
    });
  }
});
