/**
 * The part of the configuration's check that the engine leaves out: it compares values with the
 * schema but ignores keys that the schema does not know, so that a misspelt exemption would count
 * for nothing.
 */
import type { Fields } from './model/value.ts';
import type { Rule } from './rule.ts';
import { schemaOf } from './settings.ts';

/** The configuration as given; throws with all unknown keys and the known ones. */
export function checkedConfig(policy: string, rule: Rule, config: Fields): Fields {
  const known = Object.keys(schemaOf(rule).properties);
  const unknown = Object.keys(config).filter((key) => !known.includes(key));
  if (unknown.length === 0) return config;
  const error = new Error(
    `The configuration of policy ${policy} has ${unknown.map((key) => `"${key}"`).join(', ')}, ` +
      `which it does not know. It knows: enforcementLevel, ${known.join(', ')}. ` +
      `Correct the file given by --policy-pack-config; see docs/policies.md#${rule.id}.`,
  );
  // The runtime shows an error's stack; it would bury the one sentence that helps.
  error.stack = error.message;
  throw error;
}
