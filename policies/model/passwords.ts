/** Random passwords that open data: they reach a Secret which a database or a backup reads. */
import { type DeclaredObject, isKind } from './declared.ts';
import { databasesOf } from './usage.ts';
import { at, listAt, textAt } from './value.ts';
import type { World } from './world.ts';

interface OpeningPassword {
  readonly password: DeclaredObject;
  readonly user: DeclaredObject;
}

const randomTypes = /^random:index\/random(Password|Bytes|String|Id):/;
const backupKinds = new Set(['ReplicationSource', 'ReplicationDestination', 'Schedule', 'Backup']);

export function passwordsOfData(world: World): readonly OpeningPassword[] {
  const passwords = world.objects.filter((object) => randomTypes.test(object.type));
  if (passwords.length === 0) return [];
  const readers = readersOf(world);
  return passwords.flatMap((password) => {
    const secrets = world.all('', 'Secret').filter((item) => item.dependsOn.includes(password.urn));
    const direct = readers.find(({ object }) => object.dependsOn.includes(password.urn));
    const reader =
      direct ??
      readers.find(({ object, secretNames }) =>
        secrets.some((item) => item.namespace === object.namespace && secretNames.has(item.name)),
      );
    return reader === undefined ? [] : [{ password, user: reader.object }];
  });
}

interface Reader {
  readonly object: DeclaredObject;
  readonly secretNames: ReadonlySet<string>;
}

function readersOf(world: World): readonly Reader[] {
  const servers = databasesOf(world).flatMap(({ object, container, workload }) => {
    const variables = listAt(container?.fields, 'env').flatMap(
      (item) => textAt(item, 'valueFrom', 'secretKeyRef', 'name') ?? [],
    );
    const imports = listAt(container?.fields, 'envFrom').flatMap(
      (item) => textAt(item, 'secretRef', 'name') ?? [],
    );
    const files = listAt(workload?.pod, 'volumes').flatMap(
      (item) => textAt(item, 'secret', 'secretName') ?? [],
    );
    const operated = ['superuserSecret', 'bootstrap'].flatMap(
      (part) =>
        textAt(object.fields, 'spec', part, 'name') ??
        textAt(object.fields, 'spec', part, 'initdb', 'secret', 'name') ??
        [],
    );
    return [{ object, secretNames: new Set([...variables, ...imports, ...files, ...operated]) }];
  });
  const backups = world.objects
    .filter((object) => backupKinds.has(object.kind))
    .map((object) => ({ object, secretNames: new Set(repositorySecrets(object)) }));
  return [...servers, ...backups];
}

function repositorySecrets(object: DeclaredObject): readonly string[] {
  if (isKind(object, 'volsync.backube', 'ReplicationSource', 'ReplicationDestination')) {
    return ['restic', 'kopia'].flatMap(
      (mover) => textAt(object.fields, 'spec', mover, 'repository') ?? [],
    );
  }
  const reference = at(object.fields, 'spec', 'backend', 'repoPasswordSecretRef');
  return [textAt(reference, 'name') ?? []].flat();
}
