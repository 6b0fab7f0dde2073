/** Variables of a container, by name. */
import type { types } from '@pulumi/kubernetes';

/**
 * One without a value is left out, and its script takes it as empty. Given as an empty text it
 * would be drift for ever: the API server keeps no empty values, and a refresh finds them gone.
 */
export function environment(
  values: Readonly<Record<string, string | undefined>>,
): types.input.core.v1.EnvVar[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [{ name, value }],
  );
}
