/** Configuration that policies share, as JSON schema; the engine checks the user's against it. */
import type { PolicyConfigSchema } from '@pulumi/policy';
import type { Rule } from './rule.ts';

type PolicyConfigJSONSchema = PolicyConfigSchema['properties'][string];

const exempt: PolicyConfigJSONSchema = {
  type: 'object',
  description:
    'Exemptions for objects that cannot carry annotations: name, or "Kind namespace/name", ' +
    'to "<reason>[; until YYYY-MM-DD]".',
  additionalProperties: { type: 'string' },
};

/** Where the volumes of a class live, for classes that the program does not declare. */
export const classes: PolicyConfigJSONSchema = {
  type: 'object',
  description: 'Where the volumes of a class live, for classes that the program does not declare.',
  additionalProperties: {
    type: 'string',
    enum: ['local', 'replicated', 'network-block', 'network-file', 'ephemeral'],
  },
};

/** The schema of a policy: its own keys and the ones that every policy has. */
export function schemaOf(rule: Rule): PolicyConfigSchema {
  return {
    properties: { ...rule.configSchema?.properties, exempt },
    ...(rule.configSchema?.required === undefined ? {} : { required: rule.configSchema.required }),
  };
}
