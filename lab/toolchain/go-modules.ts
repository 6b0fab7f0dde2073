/**
 * Builds several Go modules one after the other, each as one step of progress, while the sources of
 * those to come are downloaded.
 */
import path from 'node:path';
import { ensureGo } from './ensure-go.ts';
import {
  buildGoModule,
  downloadGoModule,
  goEntryKey,
  type GoBuildContext,
  type GoSource,
} from './go.ts';
import { toolOf } from './locate.ts';
import type { Maker } from './maker.ts';

/** Leaves no download running, whether it succeeds or fails. */
export async function buildModules(sources: readonly GoSource[], maker: Maker): Promise<void> {
  const go = await ensureGo(maker);
  const { context, places } = maker;
  const downloading = new AbortController();
  const build: GoBuildContext = {
    go,
    env: places.env,
    signal: AbortSignal.any([context.signal, downloading.signal]),
    modulesFolder: context.paths.goModules,
  };
  const seconds = sources.reduce((sum, source) => sum + source.module.coldSeconds, 0);
  const count = sources.length === 1 ? 'One Go module is' : `${sources.length} Go modules are`;
  context.progress.say(
    `${count} built once and kept: up to ${Math.ceil(seconds / 60)} min on two cores, ` +
      'less where Go has cached parts of it',
  );
  const downloads = startDownloads(sources, build);
  maker.expect(sources.length);
  try {
    for (const source of sources) await buildModule(source, downloads.get(source), build, maker);
  } finally {
    downloading.abort();
    await Promise.allSettled([...downloads.values()].map((download) => download.finished));
  }
}

interface Download {
  /** Number of packages that the module's programs consist of. */
  readonly finished: Promise<number>;
  /** Where the download's words go from now on. */
  tell(sink: (detail: string) => void): void;
}

/** Fetches all modules, one after the other in the order in which they are built. */
function startDownloads(
  sources: readonly GoSource[],
  build: GoBuildContext,
): ReadonlyMap<GoSource, Download> {
  const downloads = new Map<GoSource, Download>();
  let previous: Promise<unknown> = Promise.resolve();
  for (const source of sources) {
    let sink: (detail: string) => void = () => {};
    const finished = previous.then(() =>
      downloadGoModule(source, build, (detail) => sink(`downloading ${detail}`)),
    );
    // Whoever builds the module gets the failure; the next download does not depend on it.
    previous = finished.catch(() => {});
    const tell = (next: (detail: string) => void) => {
      sink = next;
    };
    downloads.set(source, { finished, tell });
  }
  return downloads;
}

async function buildModule(
  source: GoSource,
  download: Download | undefined,
  build: GoBuildContext,
  maker: Maker,
): Promise<void> {
  const { catalogue } = maker.places;
  const { what, version, neededFor, programs } = source.module;
  const title = `Building ${what} ${version} (needed for ${neededFor})`;
  const key = await goEntryKey(source, catalogue.goVersion);
  await maker.make(title, key, async (folder, step) => {
    const note = (detail: string) => step.note(detail);
    download?.tell(note);
    const packageCount = (await download?.finished) ?? 0;
    download?.tell(() => {});
    await buildGoModule(source, folder, packageCount, build, note);
    await maker.checkVersions(
      programs.map(({ tool }) => ({
        tool,
        file: path.join(folder, tool),
        version: toolOf(tool, catalogue).version,
      })),
    );
  });
}
