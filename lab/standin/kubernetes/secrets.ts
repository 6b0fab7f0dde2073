/**
 * Keeps what is secret secret: what the API server returns for a secret input is secret again, and
 * the content of every `Secret` is, whether the program said so or not.
 *
 * Source: pulumi-kubernetes `provider.go` `annotateSecrets` and `checkpointObject`.
 */
import {
  hasSecret,
  isPropertyMap,
  type PropertyMap,
  type PropertyValue,
  Secret,
} from '../provider/value.ts';

const secretFields = ['data', 'stringData'] as const;

/**
 * `values` with envelopes where `like` has them. Maps are followed key by key, so that one secret
 * does not hide a whole object; a list with a secret anywhere in it becomes secret as a whole,
 * because the server may have changed its order.
 */
export function markSecrets(values: PropertyMap, like: PropertyMap): PropertyMap {
  if (values['kind'] === 'Secret') {
    const marked: Record<string, PropertyValue> = { ...values };
    for (const field of secretFields) {
      const value = values[field];
      if (value !== undefined && !(value instanceof Secret)) marked[field] = new Secret(value);
    }
    return marked;
  }
  const marked: Record<string, PropertyValue> = {};
  for (const [key, value] of Object.entries(values)) marked[key] = markValue(value, like[key]);
  return marked;
}

function markValue(value: PropertyValue, like: PropertyValue | undefined): PropertyValue {
  if (value instanceof Secret || like === undefined) return value;
  const inner = like instanceof Secret ? undefined : like;
  if (isPropertyMap(value) && isPropertyMap(inner)) return markSecrets(value, inner);
  return hasSecret(like) ? new Secret(value) : value;
}
