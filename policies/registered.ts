/**
 * Rules as Pulumi policies. A rule that also gives advice becomes two policies, `<id>` and
 * `<id>-advice`, because the runtime knows one enforcement level for a policy: so advice can be
 * silenced, and violations enforced, apart from each other.
 */
import type { Policies, ResourceValidationPolicy, StackValidationPolicy } from '@pulumi/policy';
import { checkedConfig } from './configuration.ts';
import { exemptionOf } from './exemption.ts';
import { messageOf, urlOf } from './message.ts';
import { type DeclaredObject, declared } from './model/declared.ts';
import type { Home } from './model/drivers.ts';
import { type Fields, plainFields, textMapAt } from './model/value.ts';
import type { WorldSettings } from './model/world.ts';
import type { Edit, Finding, ObjectRule, Rule, StackRule } from './rule.ts';
import { schemaOf } from './settings.ts';
import { SharedReading } from './shared-reading.ts';

type Level = Finding['level'];

/** What the pack takes from the process around it. */
export interface Surroundings {
  /** Asked once per check; see `clock.ts`. */
  readonly today: () => string;
  readonly stateBackend: string | undefined;
}

/** A rule at one of its levels, and what its policy needs. */
interface Registration {
  readonly level: Level;
  readonly position: number;
  readonly reading: SharedReading;
  readonly around: Surroundings;
  /** The configuration to judge by, from the one that the runtime has for this policy. */
  readonly configFrom: (given: unknown) => Fields;
}

export function registered(rules: readonly Rule[], around: Surroundings): Policies {
  const reading = new SharedReading();
  return rules.flatMap((rule, index) => {
    // Advice follows the configuration of its policy unless it has one of its own.
    let main: Fields = {};
    const levels: readonly Level[] = rule.advises ? ['violation', 'advice'] : ['violation'];
    return levels.map((level, nth) => {
      const configFrom = (given: unknown): Fields => {
        const own = checkedConfig(nameOfPolicy(rule, level), rule, plainFields(given));
        if (level === 'violation') main = own;
        return Object.keys(own).length > 0 ? own : main;
      };
      const registration = { level, position: 2 * index + nth, reading, around, configFrom };
      return rule.scope === 'object'
        ? objectPolicy(rule, registration)
        : stackPolicy(rule, registration);
    });
  });
}

export function nameOfPolicy(rule: Rule, level: Level): string {
  return level === 'violation' ? rule.id : `${rule.id}-advice`;
}

function textOf(rule: Rule, level: Level) {
  return {
    name: nameOfPolicy(rule, level),
    description: level === 'violation' ? rule.description : `Advice: ${rule.description}`,
    enforcementLevel: level === 'violation' ? rule.level : ('advisory' as const),
    severity: level === 'violation' ? rule.severity : ('low' as const),
    remediationSteps: rule.waysOut.map((way, index) => `${index + 1}. ${way}`).join(' '),
    url: urlOf(rule),
    configSchema: schemaOf(rule),
  };
}

function objectPolicy(rule: ObjectRule, registration: Registration): ResourceValidationPolicy {
  const { level, position, reading, around, configFrom } = registration;
  const policy: ResourceValidationPolicy = {
    ...textOf(rule, level),
    validateResource: (args, report) => {
      const config = configFrom(args.getConfig());
      const findings = rule.check(reading.object(position, args), config);
      const shown = reportable(rule, level, findings, config, around.today());
      for (const { message } of shown) report(message);
    },
  };
  const { remedy } = rule;
  if (remedy === undefined || level === 'advice') return policy;
  return {
    ...policy,
    remediateResource: (args) => {
      const config = configFrom(args.getConfig());
      const object = declared(args);
      const findings = rule.check(object, config);
      const shown = reportable(rule, level, findings, config, around.today());
      return shown.length === 0 ? undefined : corrected(args.props, remedy(object, config));
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

function stackPolicy(rule: StackRule, registration: Registration): StackValidationPolicy {
  const { level, position, reading, around, configFrom } = registration;
  return {
    ...textOf(rule, level),
    validateStack: (args, report) => {
      const config = configFrom(args.getConfig());
      const world = reading.world(position, args.resources, settingsOf(config, around));
      const findings = rule.check(world, config);
      for (const { message, object } of reportable(rule, level, findings, config, around.today())) {
        report(message, object.urn);
      }
    },
  };
}

function settingsOf(config: Fields, { stateBackend }: Surroundings): WorldSettings {
  // The schema admits the names of homes only.
  const classes = Object.fromEntries(textMapAt(config, 'classes')) as Record<string, Home>;
  return stateBackend === undefined ? { classes } : { classes, stateBackend };
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
