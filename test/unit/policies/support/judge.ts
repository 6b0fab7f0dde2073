/** Runs one rule over resources, the way the pack does, and gives back what it would report. */
import { declared, type GivenResource } from '../../../../policies/model/declared.ts';
import type { Home } from '../../../../policies/model/drivers.ts';
import { plainFields } from '../../../../policies/model/value.ts';
import { World } from '../../../../policies/model/world.ts';
import { reportable } from '../../../../policies/registered.ts';
import type { Finding, Rule } from '../../../../policies/rule.ts';
import type { Inputs } from './given.ts';

const day = '2026-11-21';

export function findingsOf(
  rule: Rule,
  resources: readonly GivenResource[],
  config: Inputs = {},
): readonly Finding[] {
  const settings = plainFields(config);
  if (rule.scope === 'object') {
    return resources.flatMap((resource) => rule.check(declared(resource), settings));
  }
  const classes = (config['classes'] ?? {}) as Record<string, Home>;
  return rule.check(World.of(resources, { classes }), settings);
}

/** One line a finding, `violation spec.replicas`: enough for a table of expectations. */
export function verdicts(
  rule: Rule,
  resources: readonly GivenResource[],
  config: Inputs = {},
): readonly string[] {
  return findingsOf(rule, resources, config).map((finding) => `${finding.level} ${finding.field}`);
}

/** The messages the pack would print, exemptions applied. */
export function messages(
  rule: Rule,
  resources: readonly GivenResource[],
  config: Inputs = {},
): readonly string[] {
  const findings = findingsOf(rule, resources, config);
  return (['violation', 'advice'] as const).flatMap((level) =>
    reportable(rule, level, findings, plainFields(config), day).map(({ message }) => message),
  );
}
