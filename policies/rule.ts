/**
 * What a policy of this pack is: metadata, a check over plain data, and findings.
 *
 * A rule is a plain object without any tie to the policy runtime, so that tests call it directly
 * and `docs/policies.md` is written from it. `registered.ts` turns rules into Pulumi policies.
 */
import type { PolicyConfigSchema, Severity } from '@pulumi/policy';
import type { DeclaredObject } from './model/declared.ts';
import type { Fields } from './model/value.ts';
import type { World } from './model/world.ts';

/** One thing found. The message is made of these parts, in this order. */
export interface Finding {
  /** The object to blame; its annotation can exempt it. */
  readonly object: DeclaredObject;
  /** Other objects whose annotation exempts it too, such as the claim of a workload. */
  readonly also?: readonly DeclaredObject[];
  /** Path of the field that is wrong or missing. */
  readonly field: string;
  /** What stands there, as a sentence without a full stop. Never a secret. */
  readonly found: string;
  /** Why it matters for this object, when there is more to say than the rule's own reason. */
  readonly why?: string;
  /** Ways out for this object, when they differ from the rule's. */
  readonly waysOut?: readonly string[];
  /** `advice` never stops an update; it is reported by the policy `<id>-advice`. */
  readonly level: 'violation' | 'advice';
}

interface RuleText {
  /** Stable kebab-case id, also the name in the pack's configuration and in exemptions. */
  readonly id: string;
  /** One sentence: what must hold. */
  readonly description: string;
  readonly severity: Severity;
  readonly level: 'mandatory' | 'advisory';
  /** Why it matters in a home cluster; shown with findings that bring no reason of their own. */
  readonly why: string;
  readonly waysOut: readonly string[];
  /** True when some findings are advice, which then get a policy of their own. */
  readonly advises: boolean;
  readonly good: string;
  readonly bad: string;
  readonly configSchema?: PolicyConfigSchema;
}

/** Judges one object by itself, before it is created or changed. */
export interface ObjectRule extends RuleText {
  readonly scope: 'object';
  check(object: DeclaredObject, config: Fields): readonly Finding[];
  /** What sets it right, where that is beyond doubt. Runs only at the level `remediate`. */
  readonly remedy?: (object: DeclaredObject, config: Fields) => readonly Edit[];
}

/** One corrected input. Parents that are missing are made. */
export interface Edit {
  readonly path: readonly (string | number)[];
  readonly value: string | number | boolean;
}

/** Judges objects in the light of all others, at the end of a preview or update. */
export interface StackRule extends RuleText {
  readonly scope: 'stack';
  check(world: World, config: Fields): readonly Finding[];
}

export type Rule = ObjectRule | StackRule;
