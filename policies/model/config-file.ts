/**
 * Files that a container sees because a ConfigMap or Secret is mounted: their paths and, where the
 * program declares the object, their text.
 */
import { podVolume } from './claim.ts';
import type { DeclaredObject } from './declared.ts';
import { keyOf, keysOf } from './keyed-data.ts';
import { at, isFields, listAt, textAt, UNKNOWN, type Value } from './value.ts';
import type { Container, Mount, Workload } from './workload.ts';
import type { World } from './world.ts';

export interface ConfigFile {
  readonly path: string;
  /** Undefined when the object is not in the program, or known only after the update. */
  readonly text: string | undefined;
  readonly isSecret: boolean;
  /** For messages: `ConfigMap home/ha-config`. */
  readonly from: string;
}

/** Every mounted file; an object outside the program shows up as one entry for its folder. */
export function configFilesOf(
  world: World,
  workload: Workload,
  container: Container,
): readonly ConfigFile[] {
  return container.mounts.flatMap((mount) => {
    const volume = podVolume(workload, mount.volume);
    if (volume === undefined) return [];
    const projected = listAt(volume, 'projected', 'sources');
    return [volume, ...projected].flatMap((source) =>
      filesOfSource(world, workload, mount, source),
    );
  });
}

export function mountedFile(
  world: World,
  workload: Workload,
  container: Container,
  path: string,
): ConfigFile | undefined {
  return configFilesOf(world, workload, container).find((file) => file.path === path);
}

function filesOfSource(
  world: World,
  workload: Workload,
  mount: Mount,
  source: Value,
): readonly ConfigFile[] {
  const { namespace } = workload.object;
  for (const [field, kind] of [
    ['configMap', 'ConfigMap'],
    ['secret', 'Secret'],
  ] as const) {
    const part = at(source, field);
    if (!isFields(part)) continue;
    const name = textAt(part, 'name') ?? textAt(part, 'secretName');
    const object = name === undefined ? undefined : world.find('', kind, namespace, name);
    const from = `${kind} ${namespace}/${name ?? 'known after the update'}`;
    const isSecret = kind === 'Secret';
    if (object === undefined) return [{ path: mount.path, text: undefined, isSecret, from }];
    return filesOfObject(object, listAt(part, 'items'), mount).map((file) => ({
      ...file,
      isSecret,
      from,
    }));
  }
  return [];
}

function filesOfObject(
  object: DeclaredObject,
  items: readonly Value[],
  mount: Mount,
): readonly Pick<ConfigFile, 'path' | 'text'>[] {
  const picked = items.flatMap((item) => {
    const key = textAt(item, 'key');
    return key === undefined ? [] : [{ key, path: textAt(item, 'path') ?? key }];
  });
  const entries = picked.length > 0 ? picked : keysOf(object).map((key) => ({ key, path: key }));
  const files = entries.map(({ key, path }) => {
    const text = keyOf(object, key);
    return { inside: path, text: text === UNKNOWN ? undefined : text };
  });
  // A subPath mounts one of the files at the mount's own path.
  if (mount.subPath !== undefined) {
    const one = files.find((file) => file.inside === mount.subPath);
    return one === undefined ? [] : [{ path: mount.path, text: one.text }];
  }
  return files.map(({ inside, text }) => ({ path: `${mount.path}/${inside}`, text }));
}
