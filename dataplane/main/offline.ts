/**
 * The commands of the offline tool (larder-nbd.ts), each from its settings to its exit code.
 * Results go to standard output, everything else to standard error.
 */
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { NbdExport, NbdExports } from '../drive/nbd-export.ts';
import { NbdServer } from '../drive/nbd-server.ts';
import {
  type BlockRun,
  OfflineStore,
  type StoreFacts,
  storeFacts,
} from '../drive/offline-store.ts';
import { StoreBlocks } from '../drive/store-blocks.ts';
import { dataRuns, fillNewStore } from '../drive/store-birth.ts';
import { HostClock } from '../host/clock.ts';
import { HostDisk } from '../host/disk.ts';
import { HostLog } from '../host/log.ts';
import { listenLoopback, listenUnix } from '../host/nbd-listener.ts';
import { RawImage } from '../host/raw-image.ts';
import { Progress, sizeText } from './progress.ts';

export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** It was done, and blocks were found that match no checksum. */
  corrupt: 3,
} as const;

/** How long requests in flight may take when serving ends. */
const stopGraceMs = 5000;
/** Runs of corrupt blocks that are shown to people; JSON has more. */
const runsShown = 20;

/** Geometry of every new store. */
const blockBytes = 4096;
const regionBlocks = 1024;

/** Which store, and what of it: the volume as it is, or a snapshot. */
export interface Source {
  readonly directory: string;
  readonly snapshot: string | undefined;
}

export async function inspect(options: { directory: string; json: boolean }): Promise<number> {
  const facts = await naming(options.directory, storeFacts);
  const shown = options.json ? JSON.stringify(factsJson(facts), null, 2) : factsText(facts);
  process.stdout.write(`${shown}\n`);
  return exitCode.done;
}

export async function verify(
  options: Source & { json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const store = await openReadOnly(options);
  const { sizeBytes } = store.geometry;
  const progress = new Progress('verified', sizeBytes);
  const found = await store.verify((doneBytes) => {
    signal.throwIfAborted();
    progress.at(doneBytes);
  });
  await store.close();
  if (options.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else {
    const lines = [
      `${found.blocks} blocks: ${found.data} hold data, ${found.zero} are zero, ${found.corrupt} are corrupt.`,
      ...runLines(found.corruptRuns),
    ];
    if (found.unprovable > 0) {
      lines.push(
        `${found.unprovable} blocks were being written when the store last stopped without warning: they hold`,
        'some write each, whole, but their checksums were computed anew and prove nothing.',
      );
    }
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  return found.corrupt === 0 ? exitCode.done : exitCode.corrupt;
}

export async function exportImage(
  options: Source & { file: string; force: boolean; skipCorrupt: boolean },
  signal: AbortSignal,
): Promise<number> {
  const store = await openReadOnly(options);
  const { sizeBytes, blockBytes: unit } = store.geometry;
  const image = await RawImage.create(options.file, { sizeBytes, replace: options.force });
  const progress = new Progress('exported', sizeBytes);
  const corrupt: number[] = [];
  let dataBytes = 0;
  try {
    for await (const piece of store.pieces()) {
      signal.throwIfAborted();
      const [first] = piece.corrupt;
      if (first !== undefined && !options.skipCorrupt) throw corruptBlock(first);
      corrupt.push(...piece.corrupt);
      const { offsetBytes } = piece.span;
      for (const { from, to } of dataRuns(piece.bytes, unit)) {
        await image.writeAt(offsetBytes + from, piece.bytes.subarray(from, to));
        dataBytes += to - from;
      }
      progress.at(offsetBytes + piece.span.lengthBytes);
    }
    await image.finish();
  } catch (error) {
    await image.abandon();
    throw error;
  } finally {
    await store.close();
  }
  process.stdout.write(
    `${options.file}: ${sizeText(sizeBytes)}, of which ${sizeText(dataBytes)} are data.\n`,
  );
  if (corrupt.length === 0) return exitCode.done;
  process.stdout.write(
    `${corrupt.length} corrupt blocks are zeroes there: ${corrupt.slice(0, runsShown).join(', ')}\n`,
  );
  return exitCode.corrupt;
}

export async function importImage(
  options: { file: string; directory: string; volume: string; member: string; lineage: string },
  signal: AbortSignal,
): Promise<number> {
  const { file, directory, volume, member, lineage } = options;
  const disk = new HostDisk(directory);
  if ((await disk.list()).length > 0) {
    throw new Fault('input.invalid', `${directory} is not empty.`, {
      hint: 'Name an empty directory on the disk that is to hold the store; nothing was changed.',
    });
  }
  const source = await RawImage.read(file);
  let begun = false;
  try {
    const { sizeBytes } = source;
    if (sizeBytes === 0 || sizeBytes % blockBytes !== 0) {
      const whole = Math.max(1, Math.ceil(sizeBytes / blockBytes)) * blockBytes;
      throw new Fault(
        'input.invalid',
        `${file} has ${sizeBytes} bytes; a volume is whole blocks of ${blockBytes}.`,
        { hint: `Make it longer first: truncate --size=${whole} ${file}` },
      );
    }
    const geometry = { sizeBytes, blockBytes, regionBlocks };
    const progress = new Progress('imported', sizeBytes);
    const birth = { identity: { volume, member, geometry }, lineage, source };
    begun = true;
    await fillNewStore(disk, birth, (doneBytes) => {
      signal.throwIfAborted();
      progress.at(doneBytes);
    });
    process.stdout.write(
      `${directory}: store of ${volume}/${member}, ${sizeText(sizeBytes)}, lineage ${lineage}.\n`,
    );
    return exitCode.done;
  } catch (error) {
    if (begun) {
      process.stderr.write(
        `${directory} holds an unfinished store, which counts as empty: remove its files before the next import.\n`,
      );
    }
    throw error;
  } finally {
    await source.abandon();
  }
}

export async function serve(
  options: Source & { address: { path: string } | { port: number } },
  signal: AbortSignal,
): Promise<number> {
  const { address, snapshot } = options;
  const store = await openReadOnly(options);
  const { volume, member } = store.facts.identity;
  const listener =
    'path' in address
      ? await listenUnix({ path: path.resolve(address.path) })
      : await listenLoopback(address.port);
  const of = snapshot === undefined ? '' : `, snapshot ${snapshot}`;
  const description = `${volume}${of}, copy of ${member}, read-only`;
  const blocks = new StoreBlocks(store);
  const exports = new NbdExports([new NbdExport({ name: volume, description, blocks })]);
  const ports = { clock: new HostClock(), log: new HostLog(), listener, exports };
  const server = new NbdServer(ports, 'plain');
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => {
      void server.stop(stopGraceMs).then(() => {
        resolve();
      });
    });
  });
  const uri =
    'path' in address
      ? `nbd+unix:///${volume}?socket=${path.resolve(address.path)}`
      : `nbd://127.0.0.1:${listener.port}/${volume}`;
  process.stdout.write(`serving ${uri}\n`);
  await server.run();
  await stopped;
  await store.close();
  return exitCode.done;
}

async function openReadOnly({ directory, snapshot }: Source): Promise<OfflineStore> {
  return naming(directory, async (disk) => OfflineStore.open(disk, snapshot));
}

/** What goes wrong is told with the directory it was about. */
async function naming<T>(directory: string, use: (disk: HostDisk) => Promise<T>): Promise<T> {
  try {
    return await use(new HostDisk(directory, { readOnly: true }));
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const { code, message } = cause;
    // Elsewhere a damaged copy is removed and made anew from a peer; here there may be no peer.
    const hint = code === 'store.damaged' ? keepHint : cause.hint;
    throw new Fault(code, `${directory}: ${message}`, { hint, cause });
  }
}

const keepHint =
  'Try the other copies of this volume, and keep this one: docs/runbooks/everything-else-is-gone.md.';

function corruptBlock(block: number): Fault {
  return new Fault('store.corrupt-block', `Block ${block} does not match its checksum.`, {
    hint: 'Export another copy of the volume, or add --skip-corrupt to get zeroes in its place.',
  });
}

function runLines(runs: readonly BlockRun[]): readonly string[] {
  const lines = runs
    .slice(0, runsShown)
    .map(({ first, count }) => `  corrupt: blocks ${first} to ${first + count - 1} (${count})`);
  if (runs.length > runsShown) lines.push(`  and ${runs.length - runsShown} more runs`);
  return lines;
}

function factsJson(facts: StoreFacts): object {
  const { identity, superblock, snapshots, ...rest } = facts;
  const { absences, ...state } = superblock;
  const missing = absences.filter((absence) => absence !== undefined);
  const shown = snapshots.map(({ snapshot, sizeBytes }) => ({ snapshot, sizeBytes }));
  return { ...identity, ...state, absences: missing, snapshots: shown, ...rest };
}

const standingText = {
  new: 'new: it holds nothing, or was not filled to the end',
  inconsistent: 'inconsistent: it was being copied when it was last told',
  'in-sync': 'in sync, when it was last told',
} as const;

function factsText({ identity, superblock, geometry, snapshots, ...map }: StoreFacts): string {
  const { volume, member } = identity;
  const { absences, age, clean, lineage, promisedEpoch, standing } = superblock;
  const missing = absences.filter((absence) => absence !== undefined);
  const rows: readonly (readonly [string, string])[] = [
    ['volume', volume],
    ['member', member],
    ['size', `${sizeText(geometry.sizeBytes)} (${geometry.sizeBytes} bytes)`],
    ['lineage', lineage],
    ['promised epoch', `${promisedEpoch} (of two copies the higher one is the newer)`],
    ['age', `${age} (of two copies of one epoch the higher one is the newer)`],
    ['standing', standingText[standing]],
    ['last stop', clean ? 'in order' : 'without warning, or it runs now'],
    ['dirty regions', `${map.dirtyRegions} of ${map.regions}`],
    ['region map', map.regionMapDamaged ? 'damaged in part: more counts as dirty' : 'whole'],
    ['snapshots', snapshots.map(({ snapshot }) => snapshot).join(', ') || 'none'],
    ['misses', missing.map(({ member: id }) => id).join(', ') || 'nobody'],
  ];
  return rows.map(([name, value]) => `${name.padEnd(16)}${value}`).join('\n');
}
