/**
 * Rules as Pulumi policies. A rule that also gives advice becomes two policies, `<id>` and
 * `<id>-advice`, because the runtime knows one enforcement level for a policy: so advice can be
 * silenced, and violations enforced, apart from each other.
 */
import type { Policies, ResourceValidationPolicy, StackValidationPolicy } from '@pulumi/policy';
import { exemptionOf } from './exemption.ts';
import { messageOf, urlOf } from './message.ts';
import { type DeclaredObject, declared } from './model/declared.ts';
import type { Home } from './model/drivers.ts';
import { type Fields, plainFields, textMapAt } from './model/value.ts';
import { World } from './model/world.ts';
import type { Edit, Finding, ObjectRule, Rule, StackRule } from './rule.ts';
import { schemaOf } from './settings.ts';

type Level = Finding['level'];

/** What the pack takes from the process around it. */
export interface Surroundings {
  /** Asked once per check; see `clock.ts`. */
  readonly today: () => string;
  readonly stateBackend: string | undefined;
}

export function registered(rules: readonly Rule[], around: Surroundings): Policies {
  return rules.flatMap((rule) => {
    // Advice follows the configuration of its policy unless it has one of its own.
    let shared: Fields = {};
    const configFor = (level: Level, own: Fields): Fields => {
      if (level === 'violation') shared = own;
      return Object.keys(own).length > 0 ? own : shared;
    };
    const levels: readonly Level[] = rule.advises ? ['violation', 'advice'] : ['violation'];
    return levels.map((level) =>
      rule.scope === 'object'
        ? objectPolicy(rule, level, configFor, around)
        : stackPolicy(rule, level, configFor, around),
    );
  });
}

type ConfigFor = (level: Level, own: Fields) => Fields;

function textOf(rule: Rule, level: Level) {
  return {
    name: level === 'violation' ? rule.id : `${rule.id}-advice`,
    description: level === 'violation' ? rule.description : `Advice: ${rule.description}`,
    enforcementLevel: level === 'violation' ? rule.level : ('advisory' as const),
    severity: level === 'violation' ? rule.severity : ('low' as const),
    remediationSteps: rule.waysOut.map((way, index) => `${index + 1}. ${way}`).join(' '),
    url: urlOf(rule),
    configSchema: schemaOf(rule),
  };
}

function objectPolicy(
  rule: ObjectRule,
  level: Level,
  configFor: ConfigFor,
  around: Surroundings,
): ResourceValidationPolicy {
  const { remedy } = rule;
  const policy: ResourceValidationPolicy = {
    ...textOf(rule, level),
    validateResource: (args, report) => {
      const config = configFor(level, plainFields(args.getConfig()));
      const object = declared(args);
      const findings = rule.check(object, config);
      for (const { message } of reportable(rule, level, findings, config, around.today()))
        report(message);
    },
  };
  if (remedy === undefined || level === 'advice') return policy;
  return {
    ...policy,
    remediateResource: (args) => {
      const config = plainFields(args.getConfig());
      const object = declared(args);
      const findings = rule.check(object, config);
      if (reportable(rule, level, findings, config, around.today()).length === 0) return undefined;
      return corrected(args.props, remedy(object, config));
    },
  };
}

/** Edits in place: the runtime's own copy knows which of its values are secrets, ours does not. */
function corrected(
  props: Record<string, unknown>,
  edits: readonly Edit[],
): Record<string, unknown> | undefined {
  if (edits.length === 0) return undefined;
  for (const { path, value } of edits) {
    let here = props;
    for (const step of path.slice(0, -1)) {
      here[step] ??= {};
      here = here[step] as Record<string, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) here[last] = value;
  }
  return props;
}

function stackPolicy(
  rule: StackRule,
  level: Level,
  configFor: ConfigFor,
  around: Surroundings,
): StackValidationPolicy {
  return {
    ...textOf(rule, level),
    validateStack: (args, report) => {
      const config = configFor(level, plainFields(args.getConfig()));
      const classes = Object.fromEntries(textMapAt(config, 'classes')) as Record<string, Home>;
      const { stateBackend } = around;
      const settings = stateBackend === undefined ? { classes } : { classes, stateBackend };
      const findings = rule.check(World.of(args.resources, settings), config);
      for (const { message, object } of reportable(rule, level, findings, config, around.today())) {
        report(message, object.urn);
      }
    },
  };
}

/** The findings of one level that no exemption covers, as messages. */
export function reportable(
  rule: Rule,
  level: Level,
  findings: readonly Finding[],
  config: Fields,
  day: string,
): readonly { readonly object: DeclaredObject; readonly message: string }[] {
  const configured = textMapAt(config, 'exempt');
  return findings
    .filter((finding) => finding.level === level)
    .flatMap((finding) => {
      const objects = [finding.object, ...(finding.also ?? [])];
      const exemption = exemptionOf(objects, rule.id, configured, day);
      if (exemption.kind === 'granted') return [];
      const refused = exemption.kind === 'refused' ? exemption.because : undefined;
      return [{ object: finding.object, message: messageOf(rule, finding, refused) }];
    });
}
