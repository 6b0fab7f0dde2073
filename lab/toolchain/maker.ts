/**
 * Makes cache entries for one piece of work, each as one numbered step of progress: `[2/5] Building
 * …`. A program that calls itself another version than the catalogue says never enters the cache.
 */
import { LabFault } from '../base/fault.ts';
import type { Step } from '../base/progress.ts';
import { ToolCache, type EntryKey } from './cache.ts';
import { explainFailure } from './failure.ts';
import { readVersion, toolOf, type Places } from './locate.ts';
import { environmentOf, type Catalogue, type ToolContext } from './tool.ts';

export interface MadeProgram {
  readonly tool: string;
  readonly file: string;
  readonly version: string;
}

export class Maker {
  readonly context: ToolContext;
  readonly places: Places & { readonly cache: ToolCache };
  #done = 0;
  #stepCount = 0;

  constructor(context: ToolContext, catalogue: Catalogue) {
    this.context = context;
    const env = environmentOf(context);
    this.places = { catalogue, cache: new ToolCache(context.paths.tools), env };
  }

  /** Says how many steps are still to come. */
  expect(stepCount: number): void {
    this.#stepCount = this.#done + stepCount;
  }

  /** Returns the entry's folder; `fill` fills an empty one when the entry is missing or damaged. */
  async make(
    title: string,
    key: EntryKey,
    fill: (folder: string, step: Step) => Promise<void>,
  ): Promise<string> {
    const { signal, progress, paths } = this.context;
    const { cache, env } = this.places;
    this.#done += 1;
    return progress.step(`[${this.#done}/${this.#stepCount}] ${title}`, async (step) => {
      const onWait = (holder: string) => step.note(`waits for another run: ${holder}`);
      try {
        const options = { what: title, signal, onWait };
        return await cache.make(key, options, async (folder) => fill(folder, step));
      } catch (error) {
        throw await explainFailure(error, title, { signal, tools: paths.tools, env });
      }
    });
  }

  async checkVersions(programs: readonly MadeProgram[]): Promise<void> {
    const { catalogue, env } = this.places;
    for (const { tool, file, version } of programs) {
      const printed = await readVersion(file, toolOf(tool, catalogue), env);
      if (printed === version) continue;
      throw new LabFault(
        `${tool} was made, but it says it is ${printed ?? 'nothing of a version'}, not ${version}.`,
        `run it by hand to see why: ${tool} --version; the catalogue in lab/toolchain may be wrong`,
      );
    }
  }
}
