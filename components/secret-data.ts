/** Values of a Secret, as the API stores them: base64 of their UTF-8. */
import * as pulumi from '@pulumi/pulumi';

/**
 * For a Secret's `data`. Never use `stringData` beside `ignoreChanges`: the provider stores it as
 * `data`, the path that was to be ignored is then missing in the state, and the value is taken out
 * of the Secret.
 */
export function secretData(
  values: Readonly<Record<string, pulumi.Input<string>>>,
): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      pulumi.output(value).apply((text) => Buffer.from(text, 'utf8').toString('base64')),
    ]),
  );
}
