/**
 * The tool cache: one folder an entry, named by what is in it, by version, platform and recipe.
 *
 * An entry appears whole or not at all: it is filled beside its place under a lock, its files are
 * hashed and flushed, then the folder is renamed. Reading an entry compares every file with the
 * manifest; an entry that was cut short or altered is removed and counts as absent.
 * It never reads anything outside its own folder.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { acquireLock } from '../base/lock.ts';
import { run } from '../base/run.ts';

export interface EntryKey {
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  /** Hash of everything that decides the content: see `recipeHash`. */
  readonly recipe: string;
}

export interface FillOptions {
  /** What is being made, shown to another run that waits for it. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Told once when another process holds the entry. */
  readonly onWait?: (holder: string) => void;
}

interface FileRecord {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Change time when the hash was last checked: as long as it stands, the content does too. */
  readonly checkedCtimeMs: number;
}

interface Manifest {
  readonly files: readonly FileRecord[];
}

const manifestName = 'manifest.json';
const partialFolder = '.partial';
const lockFolder = '.locks';
const singleFlushesMax = 100;

/** Twelve hex digits over any data that JSON can hold, in the order given. */
export function recipeHash(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

export class ToolCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  pathOf(key: EntryKey): string {
    return path.join(this.folder, `${key.name}-${key.version}-${key.platform}-${key.recipe}`);
  }

  /**
   * The entry's folder when it is there and whole. A damaged entry is left for `make` to replace.
   */
  async find(key: EntryKey): Promise<string | undefined> {
    const entry = this.pathOf(key);
    return (await damageOf(entry)) === undefined ? entry : undefined;
  }

  /** As `find`, but looks at names and sizes only and never writes. */
  async glance(key: EntryKey): Promise<string | undefined> {
    const entry = this.pathOf(key);
    const manifest = await readManifest(entry);
    if (manifest === undefined) return undefined;
    for (const record of manifest.files) {
      const status = await stat(path.join(entry, record.path)).catch(() => undefined);
      if (status?.size !== record.sizeBytes) return undefined;
    }
    return entry;
  }

  /**
   * Returns the entry's folder, filling it first when it is missing or damaged. `fill` gets an
   * empty folder on the same file system; what it leaves there becomes the entry.
   */
  async make(
    key: EntryKey,
    options: FillOptions,
    fill: (folder: string) => Promise<void>,
  ): Promise<string> {
    const entry = this.pathOf(key);
    // Without the lock first: a cache that cannot be written to can still be used.
    if ((await damageOf(entry)) === undefined) return entry;
    const base = path.basename(entry);
    const lockOptions = { what: options.what, signal: options.signal };
    using _lock = await acquireLock(
      path.join(this.folder, lockFolder, `${base}.lock`),
      options.onWait === undefined ? lockOptions : { ...lockOptions, onWait: options.onWait },
    );
    if ((await damageOf(entry)) === undefined) return entry;
    const partials = path.join(this.folder, partialFolder);
    await mkdir(partials, { recursive: true });
    // Whoever held the lock before and left these behind is dead.
    await removeByPrefix(partials, `${base}.`);
    const partial = await mkdtemp(path.join(partials, `${base}.`));
    try {
      await fill(partial);
      options.signal.throwIfAborted();
      await flushFiles(partial, options.signal);
      await writeManifest(partial, await describeFiles(partial));
      await rm(entry, { recursive: true, force: true });
      await rename(partial, entry);
      await flushFolder(this.folder);
      return entry;
    } finally {
      await rm(partial, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Undefined when the entry is whole, else why it is not. */
async function damageOf(entry: string): Promise<string | undefined> {
  const manifest = await readManifest(entry);
  if (manifest === undefined) return 'it has no readable manifest';
  const renewed: FileRecord[] = [];
  let moved = false;
  for (const record of manifest.files) {
    const file = path.join(entry, record.path);
    const status = await stat(file).catch(() => undefined);
    if (status === undefined) return `${record.path} is missing`;
    if (status.size !== record.sizeBytes) return `${record.path} has another size`;
    if (status.ctimeMs === record.checkedCtimeMs) {
      renewed.push(record);
      continue;
    }
    // Copied, restored or altered since the last look: only the content can tell.
    if ((await hashFile(file)) !== record.sha256) return `${record.path} has another content`;
    moved = true;
    renewed.push({ ...record, checkedCtimeMs: status.ctimeMs });
  }
  // Where the cache cannot be written to, the files are hashed again the next time.
  if (moved) await writeManifest(entry, { files: renewed }).catch(() => {});
  return undefined;
}

async function readManifest(entry: string): Promise<Manifest | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path.join(entry, manifestName), 'utf8'));
    return isManifest(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Manifest {
  return (
    typeof value === 'object' && value !== null && 'files' in value && Array.isArray(value.files)
  );
}

async function describeFiles(folder: string): Promise<Manifest> {
  const files: FileRecord[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const found of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!found.isFile()) continue;
    const file = path.join(found.parentPath, found.name);
    const sha256 = await hashFile(file);
    const status = await stat(file);
    files.push({
      path: path.relative(folder, file),
      sizeBytes: status.size,
      sha256,
      checkedCtimeMs: status.ctimeMs,
    });
  }
  return { files };
}

/** Replaced by rename, so that a reader sees the old manifest or the new one. */
async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const file = path.join(folder, manifestName);
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, `${JSON.stringify(manifest, undefined, 1)}\n`);
  await flushFile(fresh);
  await rename(fresh, file);
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function flushFile(file: string): Promise<void> {
  await using handle = await open(file, 'r');
  await handle.sync();
}

/**
 * One by one where they are few; many small ones (a Go distribution) with one call for the disk.
 */
async function flushFiles(folder: string, signal: AbortSignal): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  if (files.length > singleFlushesMax) await run('sync', ['-f', folder], { signal });
  else for (const file of files) await flushFile(path.join(file.parentPath, file.name));
}

async function flushFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

async function removeByPrefix(folder: string, prefix: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (name.startsWith(prefix)) {
      await rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
