/**
 * What an edit of the program means for an object: nothing, an update in place, or a replacement,
 * and whether the old object must go first. Pure. Compares declared inputs with declared inputs:
 * what others set on the live object is never a difference.
 *
 * Source: pulumi-kubernetes `provider.go` `Diff` and `convertPatchToDiff`;
 * docs/stand-in-kubernetes.md, table of edits.
 */
import { differences, pathText, type PropertyDifference } from '../provider/property-diff.ts';
import type { DiffResult, PropertyChange, PropertyChangeKind } from '../provider/provider.ts';
import { isPropertyMap, type PropertyMap, type PropertyValue } from '../provider/value.ts';
import { isAutonamed } from './annotations.ts';
import { propertyAt, withProperty, withoutProperty } from './inputs.ts';
import type { GroupVersionKind } from './kind.ts';
import { contains, parsePath } from './property-path.ts';
import {
  type MutableSettings,
  replacementRules,
  type ReplacementRule,
} from './replacement-table.ts';

export interface DiffQuestion {
  readonly kind: GroupVersionKind;
  readonly isPatch: boolean;
  /** Undefined when neither the cluster nor our table knows the kind: taken for namespaced. */
  readonly isNamespaced: boolean | undefined;
  /** Both without secret envelopes. */
  readonly oldInputs: PropertyMap;
  readonly inputs: PropertyMap;
  readonly ignoreChanges: readonly string[];
  readonly settings: MutableSettings;
}

export function diff(question: DiffQuestion): DiffResult {
  const before = withCanonicalNamespace(question.oldInputs, question.isNamespaced);
  const after = withCanonicalNamespace(question.inputs, question.isNamespaced);
  const rules = replacementRules(question.kind, {
    isPatch: question.isPatch,
    isImmutable: propertyAt(after, 'immutable') === true,
    settings: question.settings,
  });
  const ignored = question.ignoreChanges.map(parsePath);
  const detailed = new Map<string, PropertyChange>();
  const replaces: string[] = [];
  for (const difference of differences(before, after)) {
    if (ignored.some((path) => contains(path, difference.segments))) continue;
    const path = pathText(difference.segments);
    const value = propertyAt(after, ...difference.segments);
    const forced = rules.some((rule) => forces(rule, difference, value));
    detailed.set(path, { kind: changeKind(difference.kind, forced), inputDiff: true });
    // Metadata as a whole is the identity of the object.
    if (forced || (path === 'metadata' && difference.kind === 'delete')) replaces.push(path);
  }
  return {
    changes: detailed.size === 0 ? 'none' : 'some',
    replaces,
    deleteBeforeReplace: replaces.length > 0 && mustTakeTheSameName(before, after),
    detailed,
  };
}

function changeKind(kind: PropertyDifference['kind'], forced: boolean): PropertyChangeKind {
  return forced ? `${kind}-replace` : kind;
}

/**
 * A rule forces a replacement when the change is at or below its place, or when the change brings
 * in a map that holds its place. Taking such a map away as a whole does not: the official provider
 * looks for the rule's place in the new value alone, and there is none.
 */
function forces(
  rule: ReplacementRule,
  difference: PropertyDifference,
  value: PropertyValue | undefined,
): boolean {
  const { segments } = difference;
  const common = Math.min(rule.path.length, segments.length);
  for (let index = 0; index < common; index += 1) {
    const [wanted, step] = [rule.path[index], segments[index]];
    if (wanted === '*' ? typeof step !== 'number' : wanted !== step) return false;
  }
  return rule.path.length <= segments.length || holds(value, rule.path.slice(common));
}

function holds(value: PropertyValue | undefined, path: readonly string[]): boolean {
  const [step, ...rest] = path;
  if (value === undefined || value === null) return false;
  if (step === undefined) return true;
  if (step === '*') return Array.isArray(value) && value.some((entry) => holds(entry, rest));
  return isPropertyMap(value) && holds(value[step], rest);
}

/**
 * The new object can stand beside the old one only if it has another name or namespace; a name the
 * provider made up itself is made anew for a replacement.
 */
function mustTakeTheSameName(before: PropertyMap, after: PropertyMap): boolean {
  const same = (key: string) =>
    propertyAt(before, 'metadata', key) === propertyAt(after, 'metadata', key);
  return !isAutonamed(after) && same('name') && same('namespace');
}

function withCanonicalNamespace(
  inputs: PropertyMap,
  isNamespaced: boolean | undefined,
): PropertyMap {
  const metadata = inputs['metadata'];
  if (!isPropertyMap(metadata)) return inputs;
  if (isNamespaced === false) return withoutProperty(inputs, ['metadata', 'namespace']);
  const namespace = metadata['namespace'] ?? '';
  return namespace === '' ? withProperty(inputs, ['metadata', 'namespace'], 'default') : inputs;
}
