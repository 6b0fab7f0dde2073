/** Writes the resources of the fixture `declared`: a program that is data. */
import type { Project } from './project.ts';

export interface Declared {
  readonly kind: string;
  readonly args?: Readonly<Record<string, unknown>>;
  /** Plain resource options: `protect`, `ignoreChanges`, `deleteBeforeReplace`, … */
  readonly options?: Readonly<Record<string, unknown>>;
}

export function declare(project: Project, resources: Readonly<Record<string, Declared>>): void {
  project.write('resources.json', JSON.stringify(resources));
}

/** A value the engine keeps encrypted. */
export function secret(value: unknown): unknown {
  return { $secret: value };
}

/** An output of an earlier resource: `output('shelf.stdout')`. */
export function output(path: string): unknown {
  return { $ref: path };
}

/** A file of the program's folder as an asset. */
export function file(name: string): unknown {
  return { $file: name };
}
