/**
 * Which database a container will use, judged by the table, its environment, arguments and mounted
 * configuration, and how we know.
 *
 * Promises: values are quoted only when they are words such as `sqlite3`; a URL is reduced to its
 * scheme, because it may hold a password.
 */
import { configFilesOf } from '../model/config-file.ts';
import { opaqueImports, settingOf } from '../model/environment.ts';
import { matchesImage, versionOf } from '../model/image.ts';
import { UNKNOWN } from '../model/value.ts';
import type { Container, Workload } from '../model/workload.ts';
import type { World } from '../model/world.ts';
import type { Application, DatabaseKind, Selector } from './application.ts';
import { databaseFileOf, databaseKindOf } from './database-kind.ts';

export type Choice =
  | {
      readonly kind: DatabaseKind;
      /** How we know, as the end of "… uses SQLite: …". */
      readonly evidence: string;
      /** The file, when the setting names one. */
      readonly file?: string;
      /** Set when it rests on a default that nobody has read at the source. */
      readonly isAssumed?: boolean;
    }
  | {
      readonly kind: 'unknown';
      /** What would prove it. */
      readonly wanted: string;
    };

/** Where a container stands: the arguments that every look-up needs. */
export interface Place {
  readonly world: World;
  readonly workload: Workload;
  readonly container: Container;
}

/** The row of the table for the container's image; the first row that matches counts. */
export function applicationOf(
  container: Container,
  table: readonly Application[],
): Application | undefined {
  const { image } = container;
  if (image === undefined || image === UNKNOWN) return undefined;
  const [major] = versionOf(image.tag);
  return table.find(
    (row) =>
      row.images.some((pattern) => matchesImage(image, pattern)) &&
      (major === undefined || row.since === undefined || major >= row.since) &&
      (major === undefined || row.until === undefined || major < row.until),
  );
}

/** The row whose image is called like the chart, as charts of applications usually are. */
export function applicationOfName(
  name: string,
  table: readonly Application[],
): Application | undefined {
  return table.find((row) => row.images.some((pattern) => pattern.split('/').at(-1) === name));
}

export function databaseChoiceOf(place: Place, application: Application): Choice {
  for (const selector of application.selectors) {
    const choice = chosenBy(place, selector);
    if (choice !== undefined) return choice;
  }
  const variables = application.selectors.flatMap((selector) =>
    selector.by === 'value' || selector.by === 'presence' ? selector.names : [],
  );
  const [opaque] = opaqueImports(place.world, place.workload, place.container);
  if (opaque !== undefined && variables.length > 0) {
    return { kind: 'unknown', wanted: `${variables[0]} in ${opaque}` };
  }
  if (application.byDefault === 'undecided') {
    const wanted = variables[0] ?? 'its configuration file';
    return { kind: 'unknown', wanted };
  }
  const absent = variables.length === 0 ? '' : ` when ${variables[0]} is not set`;
  const evidence = `that is its default${absent}`;
  const isAssumed = application.isAssumed === true;
  return { kind: application.byDefault, evidence, ...(isAssumed ? { isAssumed } : {}) };
}

function chosenBy(place: Place, selector: Selector): Choice | undefined {
  switch (selector.by) {
    case 'value':
      return chosenByValue(place, selector);
    case 'presence': {
      const setting = settingOf(place.world, place.workload, place.container, selector);
      if (setting === undefined) return undefined;
      return { kind: selector.means, evidence: `${setting.variable} is set` };
    }
    case 'argument': {
      const word = selector.pattern.exec(place.container.words.join(' '))?.[1];
      const kind = word === undefined ? undefined : (selector.means ?? databaseKindOf(word));
      return kind && { kind, evidence: `its arguments say ${quotable(word ?? '')}` };
    }
    case 'file':
      return chosenByFile(place, selector);
  }
}

function chosenByValue(
  place: Place,
  selector: Extract<Selector, { by: 'value' }>,
): Choice | undefined {
  const setting = settingOf(place.world, place.workload, place.container, selector);
  if (setting === undefined) return undefined;
  if (setting.kind === 'opaque') return { kind: 'unknown', wanted: setting.wanted };
  const { value, variable } = setting;
  const own = selector.words?.[value.trim().toLowerCase()];
  const kind = own ?? databaseKindOf(value) ?? selector.otherwise;
  if (kind === undefined) return { kind: 'unknown', wanted: `a value of ${variable} that we know` };
  const file = kind === 'sqlite' ? databaseFileOf(value) : undefined;
  const evidence = `${variable} says ${quotable(value)}`;
  return file === undefined ? { kind, evidence } : { kind, evidence, file };
}

function chosenByFile(
  place: Place,
  selector: Extract<Selector, { by: 'file' }>,
): Choice | undefined {
  const files = configFilesOf(place.world, place.workload, place.container);
  const file = files.find((item) => item.path.endsWith(selector.path));
  if (file === undefined) {
    // An undeclared object mounted as the folder, or as the file itself, may hold it.
    const folder = files.find((item) => item.text === undefined);
    return folder && { kind: 'unknown', wanted: `${selector.path.slice(1)} in ${folder.from}` };
  }
  if (file.text === undefined) return { kind: 'unknown', wanted: `${file.path} in ${file.from}` };
  const word = selector.pattern.exec(file.text)?.[1];
  if (word === undefined) return undefined;
  const kind = databaseKindOf(word);
  if (kind === undefined) return { kind: 'unknown', wanted: `the database in ${file.from}` };
  const named = kind === 'sqlite' ? databaseFileOf(word) : undefined;
  const evidence = `${file.path} says ${quotable(word)}`;
  return named === undefined ? { kind, evidence } : { kind, evidence, file: named };
}

/** A bare word as it stands; of anything with a colon or a slash only the scheme. */
function quotable(value: string): string {
  const scheme = /^([a-z][a-z0-9+]*:)/i.exec(value.trim())?.[1];
  if (scheme !== undefined) return `"${scheme}…"`;
  return /^[\w.-]{1,40}$/.test(value.trim()) ? `"${value.trim()}"` : 'a value we do not repeat';
}
