/**
 * What a container will find in an environment variable, as far as the program tells: literal
 * values, keys of ConfigMaps and Secrets declared in the same program, `envFrom`, and the `*_FILE`
 * conventions of the common images.
 *
 * Promises: a value that came from a Secret is marked, so that no message repeats it.
 */
import { mountedFile } from './config-file.ts';
import type { DeclaredObject } from './declared.ts';
import { keyOf, keysOf } from './keyed-data.ts';
import { at, isTrueAt, listAt, textAt, UNKNOWN, unknownAt, type Value } from './value.ts';
import type { Container, Workload } from './workload.ts';
import type { World } from './world.ts';

export type Setting =
  | {
      readonly kind: 'known';
      readonly variable: string;
      readonly value: string;
      readonly isSecret: boolean;
    }
  | {
      readonly kind: 'opaque';
      readonly variable: string;
      /** What would have to be read to know: `Secret databases/gitea, key url`. */
      readonly wanted: string;
    };

export interface Names {
  readonly names: readonly string[];
  /** .NET applications read `Sonarr__Postgres__Host` and `SONARR__POSTGRES__HOST` alike. */
  readonly anyCase?: boolean;
}

/** The setting of the first of the names that is set; undefined when none is. */
export function settingOf(
  world: World,
  workload: Workload,
  container: Container,
  wanted: Names,
): Setting | undefined {
  for (const name of wanted.names) {
    const same = (found: string) =>
      found === name || (wanted.anyCase === true && found.toLowerCase() === name.toLowerCase());
    const setting =
      direct(world, workload, container, same) ??
      fromFile(world, workload, container, name, same) ??
      imported(world, workload, container, same);
    if (setting !== undefined) return setting;
  }
  return undefined;
}

/** True when a list, an entry or a name is unknown: it may be any variable. */
export function hidesVariables({ fields }: Container): boolean {
  const env = at(fields, 'env');
  return (
    env === UNKNOWN ||
    listAt(env).some((item) => item === UNKNOWN || unknownAt(item, 'name')) ||
    unknownAt(fields, 'envFrom')
  );
}

/** Where the program does not show what is set: any variable may be in there. */
export function opaqueImports(
  world: World,
  workload: Workload,
  container: Container,
): readonly string[] {
  const hidden = hidesVariables(container) ? ['a variable known only after the update'] : [];
  const imported = listAt(container.fields, 'envFrom').flatMap((source) => {
    const found = importedObject(world, workload, source);
    return found.object === undefined ? [found.name] : [];
  });
  return [...hidden, ...imported];
}

/** All variables of the container with their values, for rules that look at every one. */
export function settingsOf(
  world: World,
  workload: Workload,
  container: Container,
): readonly Setting[] {
  const names = new Set(
    listAt(container.fields, 'env').flatMap((item) => textAt(item, 'name') ?? []),
  );
  return [...names].flatMap(
    (name) => direct(world, workload, container, (found) => found === name) ?? [],
  );
}

function direct(
  world: World,
  workload: Workload,
  container: Container,
  same: (name: string) => boolean,
): Setting | undefined {
  // The last entry of a name wins, as in the kubelet.
  const item = listAt(container.fields, 'env').findLast((entry) => {
    const name = textAt(entry, 'name');
    return name !== undefined && same(name);
  });
  const variable = textAt(item, 'name');
  if (item === undefined || variable === undefined) return undefined;
  const literal = at(item, 'value');
  if (literal === UNKNOWN) {
    return { kind: 'opaque', variable, wanted: `the value of ${variable} after the update` };
  }
  const text = textAt(literal);
  if (text !== undefined && text !== '') {
    return { kind: 'known', variable, value: text, isSecret: false };
  }
  for (const [field, kind] of [
    ['configMapKeyRef', 'ConfigMap'],
    ['secretKeyRef', 'Secret'],
  ] as const) {
    const name = textAt(item, 'valueFrom', field, 'name');
    const key = textAt(item, 'valueFrom', field, 'key');
    if (name === undefined || key === undefined) continue;
    const object = world.find('', kind, workload.object.namespace, name);
    const value = object && keyOf(object, key);
    const wanted = `key ${key} of ${kind} ${workload.object.namespace}/${name}`;
    if (value !== undefined) return known(variable, value, kind === 'Secret');
    if (object !== undefined && isTrueAt(item, 'valueFrom', field, 'optional')) return undefined;
    return { kind: 'opaque', variable, wanted };
  }
  const isFromElsewhere = at(item, 'valueFrom') === UNKNOWN;
  return isFromElsewhere ? { kind: 'opaque', variable, wanted: variable } : undefined;
}

function imported(
  world: World,
  workload: Workload,
  container: Container,
  same: (name: string) => boolean,
): Setting | undefined {
  for (const source of listAt(container.fields, 'envFrom').toReversed()) {
    const { object } = importedObject(world, workload, source);
    if (object === undefined) continue;
    const prefix = textAt(source, 'prefix') ?? '';
    const key = keysOf(object).find((item) => same(`${prefix}${item}`));
    const value = key === undefined ? undefined : keyOf(object, key);
    if (key !== undefined && value !== undefined) {
      return known(`${prefix}${key}`, value, object.kind === 'Secret');
    }
  }
  return undefined;
}

/** `NAME_FILE`, `NAME__FILE` and `FILE__NAME` name a file that holds the value. */
function fromFile(
  world: World,
  workload: Workload,
  container: Container,
  name: string,
  same: (name: string) => boolean,
): Setting | undefined {
  const isFileVariable = (found: string) =>
    [found.replace(/_FILE$/i, ''), found.replace(/__FILE$/i, ''), found.replace(/^FILE__/i, '')]
      .filter((bare) => bare !== found)
      .some(same);
  const pointer = direct(world, workload, container, isFileVariable);
  if (pointer?.kind !== 'known') return pointer;
  const file = mountedFile(world, workload, container, pointer.value);
  if (file === undefined || file.text === undefined) {
    return { kind: 'opaque', variable: name, wanted: `the file ${pointer.value}` };
  }
  const value = file.text.trim();
  return { kind: 'known', variable: pointer.variable, value, isSecret: file.isSecret };
}

function importedObject(
  world: World,
  workload: Workload,
  source: Value,
): { readonly name: string; readonly object: DeclaredObject | undefined } {
  const { namespace } = workload.object;
  for (const [field, kind] of [
    ['configMapRef', 'ConfigMap'],
    ['secretRef', 'Secret'],
  ] as const) {
    const name = textAt(source, field, 'name');
    if (name === undefined) continue;
    const object = world.find('', kind, namespace, name);
    return { name: `${kind} ${namespace}/${name}`, object };
  }
  return { name: 'an envFrom source known after the update', object: undefined };
}

function known(variable: string, value: string | typeof UNKNOWN, isSecret: boolean): Setting {
  if (value === UNKNOWN) {
    return { kind: 'opaque', variable, wanted: `the value of ${variable} after the update` };
  }
  return { kind: 'known', variable, value, isSecret };
}
