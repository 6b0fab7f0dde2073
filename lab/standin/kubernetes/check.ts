/**
 * Completes and validates the inputs of a resource: name, namespace, `apiVersion` and `kind`.
 * Source: pulumi-kubernetes `provider.go` `Check`.
 */
import type { CheckRequest, CheckResult } from '../provider/provider.ts';
import {
  hasUnknown,
  isPropertyMap,
  type PropertyMap,
  type PropertyValue,
} from '../provider/value.ts';
import { declared, propertyAt, propertyText, withProperty, withoutProperty } from './inputs.ts';
import { apiVersionOf, isRelease, resourceType, type ResourceType } from './kind.ts';
import {
  listRefusal,
  notAvailable,
  patchNeedsName,
  patchNeedsServerSideApply,
} from './messages.ts';
import { named } from './naming.ts';
import { serverFields } from './object.ts';
import { markSecrets } from './secrets.ts';
import { isNamespaced, type Session } from './session.ts';

export async function check(session: Session, request: CheckRequest): Promise<CheckResult> {
  const { connection, settings, context } = session;
  if (connection.state === 'unreachable' && settings.skipUpdateUnreachable) {
    if (request.oldInputs !== undefined) {
      context.log(
        'warning',
        'Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...',
      );
      return { inputs: request.oldInputs };
    }
  }
  if (isRelease(request.type)) return { inputs: request.inputs };
  const given = declared(request.inputs);
  const type = resourceType(request.type, propertyText(given, 'kind'));
  const refusal = refusalOf(type, given, settings.enableServerSideApply);
  if (refusal !== undefined) {
    return { inputs: request.inputs, failures: [{ property: '', reason: refusal }] };
  }
  if (type.form === 'unavailable') throw new Error(notAvailable(type.token));
  warnAboutHooks(session, given);

  const oldInputs = request.oldInputs === undefined ? undefined : declared(request.oldInputs);
  const naming = named({
    inputs: completed(given, type),
    oldInputs,
    logicalName: request.name,
    randomSeed: request.randomSeed,
    autonaming: request.autonaming,
  });
  if (naming.outcome === 'refused') {
    const failure = { property: 'metadata.name', reason: naming.reason };
    return { inputs: request.inputs, failures: [failure] };
  }
  const placed = await withNamespace(session, type, naming.inputs);
  return { inputs: markSecrets(placed, request.inputs) };
}

function refusalOf(
  type: ResourceType,
  inputs: PropertyMap,
  serverSideApply: boolean,
): string | undefined {
  if (type.form === 'unavailable') return notAvailable(type.token);
  if (type.form === 'list') return listRefusal;
  if (type.form !== 'patch') return undefined;
  if (!serverSideApply) return patchNeedsServerSideApply;
  const name = propertyAt(inputs, 'metadata', 'name') ?? '';
  return name === '' && !hasUnknown(inputs['metadata']) ? patchNeedsName : undefined;
}

function completed(inputs: PropertyMap, type: Exclude<ResourceType, { form: 'unavailable' }>) {
  const { kind } = type;
  const filled = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...inputs };
  const bare = serverFields.reduce<PropertyMap>(
    (left, field) => withoutProperty(left, ['metadata', field]),
    filled,
  );
  return withEncodedData(bare);
}

/**
 * A Secret's `stringData` is a way to write `data`: the object that the server keeps has `data`
 * alone, so that is what is compared, or every refresh would bring a difference.
 * Source: pulumi-kubernetes `clients/unstructured.go` `normalizeSecret`.
 */
function withEncodedData(inputs: PropertyMap): PropertyMap {
  const text = inputs['stringData'];
  const isSecret = inputs['kind'] === 'Secret' && inputs['apiVersion'] === 'v1';
  if (!isSecret || !isPropertyMap(text)) return inputs;
  const data: Record<string, PropertyValue> = {};
  for (const [key, value] of Object.entries(text)) {
    data[key] = typeof value === 'string' ? Buffer.from(value).toString('base64') : value;
  }
  const given = inputs['data'];
  const both = { ...(isPropertyMap(given) ? given : {}), ...data };
  return withoutProperty({ ...inputs, data: both }, ['stringData']);
}

async function withNamespace(
  session: Session,
  type: Exclude<ResourceType, { form: 'unavailable' }>,
  inputs: PropertyMap,
): Promise<PropertyMap> {
  const metadata = inputs['metadata'];
  if (!isPropertyMap(metadata)) return inputs;
  const namespace = metadata['namespace'] ?? '';
  if (namespace !== '') return inputs;
  // A custom kind that nobody knows yet is taken for namespaced; the creation knows better.
  if ((await isNamespaced(session, type.kind)) === false) return inputs;
  return withProperty(inputs, ['metadata', 'namespace'], session.connection.namespace);
}

function warnAboutHooks(session: Session, inputs: PropertyMap): void {
  const annotations = propertyAt(inputs, 'metadata', 'annotations');
  if (session.settings.suppressHelmHookWarnings || !isPropertyMap(annotations)) return;
  const hook = annotations['helm.sh/hook'];
  if (typeof hook !== 'string' || hook.includes('test')) return;
  session.context.log(
    'warning',
    'This resource contains Helm hooks that are not currently supported by Pulumi. The resource ' +
      'will be created, but any hooks will not be executed.',
  );
}
