/**
 * The function `kubernetes:yaml:decode` behind `yaml.ConfigFile` and `ConfigGroup` of the first
 * generation: YAML text with any number of documents becomes a list of objects.
 * Source: pulumi-kubernetes `invoke_decode_yaml.go`.
 */
import { parseAllDocuments } from 'yaml';
import type { PlainValue, PropertyMap } from '../provider/value.ts';
import { declared, propertyText } from './inputs.ts';
import { isNamespacedOffline, kindOf } from './kind.ts';
import { isObject, type KubeObject, listAt, namespaceOf, textAt, withAt } from './object.ts';

/** Throws with the place of the fault when the text is not YAML. */
export function decodeYaml(args: PropertyMap, defaultNamespace: string): PropertyMap {
  const given = declared(args);
  const namespace = propertyText(given, 'defaultNamespace') || defaultNamespace;
  const documents = parseAllDocuments(propertyText(given, 'text'));
  const objects = (Array.isArray(documents) ? documents : []).flatMap((document) => {
    const fault = document.errors[0];
    if (fault !== undefined) throw new Error(`The YAML text cannot be read: ${fault.message}`);
    const value = document.toJS() as PlainValue;
    return isObject(value) ? [value] : [];
  });
  return { result: objects.flatMap(unfold).map((object) => placed(object, namespace)) };
}

/** A `List` is its items. */
function unfold(object: KubeObject): readonly KubeObject[] {
  return textAt(object, 'kind') === 'List' ? listAt(object, 'items') : [object];
}

function placed(object: KubeObject, namespace: string): KubeObject {
  const isNamespaced = isNamespacedOffline(kindOf(object)) === true;
  if (!isNamespaced || namespaceOf(object) !== '') return object;
  return withAt(object, ['metadata', 'namespace'], namespace);
}
