/**
 * A folder as an image layer: an uncompressed tar whose bytes depend on nothing but names,
 * contents, modes and owners. Times are all zero, entries sorted, hard links kept. A file that an
 * overlay marks as deleted (a 0/0 character device) becomes a whiteout (OCI image specification,
 * layer.md, "Whiteouts").
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, type Pack, pack } from 'tar-stream';

export interface Layer {
  readonly file: string;
  /** sha256 of the tar in hexadecimal: the layer's name in an image. */
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface LayerOptions {
  /**
   * Paths inside the layer, without a leading slash: a file is left out, a folder is left empty.
   */
  readonly without?: readonly string[];
}

/** Writes the tar and tells its digest. */
export async function writeLayer(
  folder: string,
  file: string,
  options: LayerOptions = {},
): Promise<Layer> {
  const tar = pack();
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const written = pipeline(tar, measure, createWriteStream(file));
  try {
    const writer = new LayerWriter(folder, tar, new Set(options.without));
    await writer.add('');
    tar.finalize();
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    await written.catch(() => {});
    throw error;
  }
  await written;
  return { file, digest: hash.digest('hex'), sizeBytes };
}

class LayerWriter {
  readonly #root: string;
  readonly #tar: Pack;
  readonly #without: ReadonlySet<string>;
  /** First name of each file that has several. */
  readonly #links = new Map<string, string>();

  constructor(root: string, tar: Pack, without: ReadonlySet<string>) {
    this.#root = root;
    this.#tar = tar;
    this.#without = without;
  }

  async add(name: string): Promise<void> {
    const source = path.join(this.#root, name);
    const stats = await lstat(source);
    const unwanted = this.#without.has(name);
    if (unwanted && !stats.isDirectory()) return;
    if (name !== '') await this.#entry(name, source, stats);
    if (unwanted || !stats.isDirectory()) return;
    const entries = await readdir(source);
    for (const entry of entries.toSorted(byBytes)) await this.add(path.posix.join(name, entry));
  }

  async #entry(name: string, source: string, stats: Stats): Promise<void> {
    const common = {
      mode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
      mtime: new Date(0),
    };
    if (stats.isDirectory()) await this.#header({ ...common, name: `${name}/`, type: 'directory' });
    else if (stats.isSymbolicLink())
      await this.#header({ ...common, name, type: 'symlink', linkname: await readlink(source) });
    else if (stats.isFile()) await this.#file(name, source, stats, common);
    else if (stats.isCharacterDevice() && stats.rdev === 0)
      await this.#header({ ...common, name: whiteout(name), mode: 0o600, type: 'file', size: 0 });
    // Sockets, pipes and other devices are made by whoever needs them; an image carries none.
  }

  async #file(
    name: string,
    source: string,
    stats: Stats,
    common: Pick<Header, 'mode' | 'uid' | 'gid' | 'mtime'>,
  ): Promise<void> {
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#links.get(inode);
    if (first !== undefined) {
      await this.#header({ ...common, name, type: 'link', linkname: first });
      return;
    }
    if (stats.nlink > 1) this.#links.set(inode, name);
    const entry = this.#tar.entry({ ...common, name, type: 'file', size: stats.size });
    await pipeline(createReadStream(source), entry);
  }

  #header(header: Partial<Header> & Pick<Header, 'name'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tar.entry(header, '', (error) => (error ? reject(error) : resolve()));
    });
  }
}

function whiteout(name: string): string {
  return path.posix.join(path.posix.dirname(name), `.wh.${path.posix.basename(name)}`);
}

/** By UTF-16 code unit: the same on every machine, whatever its locale. */
function byBytes(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
