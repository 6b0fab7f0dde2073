/**
 * One name for the program's hand in every object, by which the API server knows who set which
 * field.
 *
 * By default the provider makes up a name for each object and keeps it in the state. After a lost
 * state it would come back under another name, own every field together with its former self, and
 * conflict with it at the next edit. Under one name it is still the same owner.
 */
import * as pulumi from '@pulumi/pulumi';

const fieldManager = { 'pulumi.com/patchFieldManager': 'larder' } as const;

/** Call once, before the first resource. */
export function nameFieldManager(): void {
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
    if (!type.startsWith('kubernetes:')) return undefined;
    const { metadata, ...rest } = props as { metadata?: { annotations?: object } };
    if (metadata === undefined || pulumi.Output.isInstance(metadata)) return undefined;
    // A second patch of one object needs a name of its own: under one name it replaces the first.
    const annotations = { ...fieldManager, ...metadata.annotations };
    return { props: { ...rest, metadata: { ...metadata, annotations } }, opts };
  });
}
