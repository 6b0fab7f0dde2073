/**
 * Downloads a release archive, checks it, unpacks it. Nothing of an archive is unpacked before its
 * SHA-256 is the pinned one or the one published beside it. A published checksum guards against a
 * broken or swapped transfer, not against a release that was bad when it was made; where a hash is
 * known beforehand the catalogue pins it.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LabFault } from '../base/fault.ts';
import { run } from '../base/run.ts';
import { platform, type Archive } from './tool.ts';

/**
 * The archive cannot be had from here: another origin may serve. A wrong checksum is never this.
 */
export class Unavailable extends LabFault {}

const offlineHint =
  'try again, or set LARDER_OFFLINE=1 to do without downloads: what can be built is built instead';

/** Unpacks the checked archive into `folder`. */
export async function downloadArchive(
  archive: Archive,
  folder: string,
  signal: AbortSignal,
  note: (detail: string) => void,
): Promise<void> {
  const url = archive.urls[platform];
  if (url === undefined) {
    throw new Unavailable(
      `There is no official release of ${archive.what} for ${platform}.`,
      'set LARDER_OFFLINE=1 to build it instead',
    );
  }
  const wanted = await checksumOf(archive, url, signal);
  const file = path.join(folder, '.download');
  const actual = await fetchFile(url, file, signal, note);
  if (actual !== wanted) {
    throw new LabFault(
      `The download of ${archive.what} is not what was published.\n` +
        `  from      ${url}\n  expected  sha256 ${wanted}\n  found     sha256 ${actual}`,
      `do not use it. ${offlineHint}`,
    );
  }
  note('unpacking');
  await run('tar', ['--extract', '--gzip', '--no-same-owner', '--file', file], {
    cwd: folder,
    signal,
  });
  await rm(file);
}

async function checksumOf(archive: Archive, url: string, signal: AbortSignal): Promise<string> {
  const { checksum } = archive;
  if (checksum.kind === 'pinned') {
    const pinned = checksum.sha256[platform];
    if (pinned === undefined) throw new Error(`no pinned hash of ${archive.what} for ${platform}`);
    return pinned;
  }
  const text = await (await open(checksum.url, signal)).text();
  const published = parseChecksums(text).get(path.posix.basename(new URL(url).pathname));
  if (published === undefined) {
    throw new Unavailable(
      `The checksums at ${checksum.url} do not name ${path.posix.basename(url)}.`,
      `without a checksum it is not used. ${offlineHint}`,
    );
  }
  return published;
}

/** Lines of `<64 hex digits>  <file name>`, the name perhaps with `*` or `./` before it. */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{64})\s+\*?(?:\.\/)?(\S+)\s*$/i.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      sums.set(match[2], match[1].toLowerCase());
    }
  }
  return sums;
}

/** Writes the answer's body to `file`; returns its SHA-256. */
async function fetchFile(
  url: string,
  file: string,
  signal: AbortSignal,
  note: (detail: string) => void,
): Promise<string> {
  const response = await open(url, signal);
  const totalBytes = Number(response.headers.get('content-length') ?? 0);
  const hash = createHash('sha256');
  let doneBytes = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      doneBytes += chunk.length;
      note(`${mebibytes(doneBytes)}${totalBytes > 0 ? ` of ${mebibytes(totalBytes)}` : ''} MiB`);
      done(null, chunk);
    },
  });
  if (response.body === null) throw new Unavailable(`${url} answered without a body.`, offlineHint);
  try {
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(file), { signal });
  } catch (error) {
    if (signal.aborted || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw new Unavailable(`The download of ${url} broke off: ${String(error)}`, offlineHint);
  }
  return hash.digest('hex');
}

async function open(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new Unavailable(`${url} cannot be reached: ${String(cause)}`, offlineHint);
  }
  if (!response.ok) {
    throw new Unavailable(
      `${url} answered ${response.status} ${response.statusText}.`,
      offlineHint,
    );
  }
  return response;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
