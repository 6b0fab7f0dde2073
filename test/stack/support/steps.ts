/**
 * What the engine would do about the difference of two runs of the program, by the replacement
 * rules of the official Kubernetes provider (lab/standin/kubernetes/replacement-table.ts): without
 * an engine, for edits whose outcome is decided by what the program declares.
 */
import { diff } from '../../../lab/standin/kubernetes/diff.ts';
import { resourceType } from '../../../lab/standin/kubernetes/kind.ts';
import type { PropertyMap } from '../../../lab/standin/provider/value.ts';
import type { ProgramRun, Recorded } from './record.ts';

export interface Step {
  readonly op: 'create' | 'update' | 'replace' | 'delete';
  readonly resource: Recorded;
}

/** As the program's providers are set (components/cluster/providers.ts). */
const settings = { enableConfigMapMutable: true, enableSecretMutable: true };

/** The steps that do something, sorted by name. */
export function stepsBetween(before: ProgramRun, after: ProgramRun): Step[] {
  const old = new Map(before.resources.map((resource) => [resource.urn, resource]));
  const now = new Set(after.resources.map(({ urn }) => urn));
  return [
    ...after.resources.flatMap((resource): Step[] => {
      const earlier = old.get(resource.urn);
      if (earlier === undefined) return [{ op: 'create', resource }];
      const op = changeOf(earlier, resource);
      return op === undefined ? [] : [{ op, resource }];
    }),
    ...before.resources
      .filter(({ urn }) => !now.has(urn))
      .map((resource): Step => ({ op: 'delete', resource })),
  ].toSorted((a, b) => a.resource.name.localeCompare(b.resource.name));
}

function changeOf(before: Recorded, after: Recorded): 'update' | 'replace' | undefined {
  if (JSON.stringify(before.inputs) === JSON.stringify(after.inputs)) return undefined;
  if (!after.type.startsWith('kubernetes:'))
    // Components and providers have nothing to lose; a random value is drawn anew on any change.
    return after.type.startsWith('random:') ? 'replace' : undefined;
  const inputs = after.inputs as PropertyMap;
  const { kind: declared } = after.inputs;
  const form = resourceType(after.type, typeof declared === 'string' ? declared : '');
  // A release changes in place, whatever is in it.
  if (form.form === 'unavailable') return 'update';
  const { changes, replaces = [] } = diff({
    kind: form.kind,
    isPatch: form.form === 'patch',
    isNamespaced: undefined,
    oldInputs: before.inputs as PropertyMap,
    inputs,
    ignoreChanges: after.options.ignoreChanges,
    settings,
  });
  if (changes === 'none') return undefined;
  return replaces.length > 0 ? 'replace' : 'update';
}

/**
 * The outputs that the engine would have recorded of a run: the state of the next one, under the
 * URNs that the engine makes, which name every parent (the mocks' name the nearest).
 */
export function stateAfter(run: ProgramRun): Record<string, { type: string; outputs: unknown }> {
  const byUrn = new Map(run.resources.map((resource) => [resource.urn, resource]));
  const qualified = ({ type, parent }: Recorded): string => {
    const above = byUrn.get(parent);
    return above === undefined || above.type === 'pulumi:pulumi:Stack'
      ? type
      : `${qualified(above)}$${type}`;
  };
  return Object.fromEntries(
    run.resources.map((resource) => {
      const { type, name, inputs } = resource;
      const urn = `urn:pulumi:homelab::larder::${qualified(resource)}::${name}`;
      return [urn, { type, outputs: inputs }];
    }),
  );
}

const dataTypes: ReadonlySet<string> = new Set([
  'kubernetes:core/v1:Namespace',
  'kubernetes:core/v1:PersistentVolume',
  'kubernetes:core/v1:PersistentVolumeClaim',
  'kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition',
  'kubernetes:larder.dev/v1alpha1:StorageNode',
  'random:index/randomPassword:RandomPassword',
]);

/** Whether an object holds data, leads to them, or opens them. */
export const holdsData = ({ type, options }: Recorded): boolean =>
  dataTypes.has(type) || (type === 'kubernetes:core/v1:Secret' && options.retainOnDelete);
