/** Jobs that dump a database over the network, and which of the program's databases they dump. */
import { mayShareNamespace, unknownNamespace } from './declared.ts';
import { settingOf } from './environment.ts';
import type { Database } from './usage.ts';
import { textMapAt, UNKNOWN } from './value.ts';
import { type Container, nothingKnown, type Workload } from './workload.ts';
import type { World } from './world.ts';

const dumpPrograms =
  /\b(pg_dump(all)?|pg_basebackup|mysqldump|mariadb-dump|mariadb-backup|mongodump)\b/;
const hostVariables = ['PGHOST', 'POSTGRES_HOST', 'DB_HOST', 'MYSQL_HOST', 'MONGO_HOST', 'HOST'];
/** Images whose only business is to dump. */
const dumpImages = /(postgres|mysql|mariadb|db)-backup/;

interface Dump {
  readonly workload: Workload;
  readonly container: Container;
  /** True when it dumps this database, as far as the program tells. */
  readonly serves: (database: Database) => boolean;
}

export function dumpsOf(world: World): readonly Dump[] {
  return world.workloads.flatMap((workload) => {
    if (workload.object.kind !== 'CronJob') return [];
    // A job whose containers are known only after the update may dump anything.
    if (!workload.containersKnown) return [dumpOfAnything(workload)];
    return workload.containers
      .filter((container) => dumpsSomething(container))
      .map((container) => ({
        workload,
        container,
        serves: (database: Database) => servesDatabase(world, workload, container, database),
      }));
  });
}

function dumpOfAnything(workload: Workload): Dump {
  return { workload, container: nothingKnown, serves: () => true };
}

function dumpsSomething({ words, image, wordsKnown }: Container): boolean {
  if (!wordsKnown) return true;
  const name = image === undefined || image === UNKNOWN ? '' : image.repository;
  return dumpPrograms.test(words.join(' ')) || dumpImages.test(name);
}

function servesDatabase(
  world: World,
  workload: Workload,
  container: Container,
  database: Database,
): boolean {
  const setting = settingOf(world, workload, container, { names: hostVariables });
  if (setting?.kind === 'known') {
    const [name, namespace] = setting.value.split(/[.:]/);
    const inNamespace = namespace ?? workload.object.namespace;
    if (database.object.namespace === unknownNamespace || /^\d+$/.test(inNamespace))
      return namesOf(world, database).includes(name ?? '');
    return (
      inNamespace === database.object.namespace && namesOf(world, database).includes(name ?? '')
    );
  }
  const text = container.words.join(' ');
  if (namesOf(world, database).some((name) => new RegExp(`\\b${escaped(name)}\\b`).test(text))) {
    return true;
  }
  if (!container.wordsKnown) return true;
  // A host known only after the update, or hidden in a Secret: given the benefit of the doubt.
  return setting?.kind === 'opaque' || mayShareNamespace(workload.object, database.object);
}

/** The object's own name and those of the Services that select its pods. */
function namesOf(world: World, database: Database): readonly string[] {
  const { workload, object } = database;
  const services = world.all('', 'Service').filter((service) => {
    if (workload === undefined || service.namespace !== object.namespace) return false;
    const selector = selectorOf(service.fields);
    return (
      selector.size > 0 &&
      [...selector].every(([key, label]) => workload.podLabels.get(key) === label)
    );
  });
  const operated = ['-rw', '-ro', '-r'].map((suffix) => `${object.name}${suffix}`);
  return [object.name, ...services.map((service) => service.name), ...operated];
}

function selectorOf(fields: Parameters<typeof textMapAt>[0]): ReadonlyMap<string, string> {
  return textMapAt(fields, 'spec', 'selector');
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
