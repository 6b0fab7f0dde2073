/**
 * The safety net: whatever holds data is protected and kept, also where a component forgot to say
 * so. The components say it themselves; this catches what people add to the program later.
 */
import * as pulumi from '@pulumi/pulumi';

/** Deleting one of these deletes data, or the objects that lead to it. */
const holdsData: ReadonlySet<string> = new Set([
  'kubernetes:core/v1:Namespace',
  'kubernetes:core/v1:PersistentVolume',
  'kubernetes:core/v1:PersistentVolumeClaim',
  'kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition',
]);

/**
 * Call once, before the first resource. An option that is set is left alone: letting go of a volume
 * takes its protection off in words.
 */
export function spreadSafetyNet(): void {
  // The in-process kind: the newer one asks this process back over gRPC for each resource.
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
    if (!holdsData.has(type)) return undefined;
    const protect = opts.protect ?? true;
    const retainOnDelete = opts.retainOnDelete ?? true;
    return { props: props as object, opts: { ...opts, protect, retainOnDelete } };
  });
}
