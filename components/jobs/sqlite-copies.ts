/**
 * Runs in a pod, by Node 24, before a backup: copies every SQLite file below DATA to the same path
 * below COPIES, by SQLite's backup interface, so that each copy is one moment of its database
 * whatever its application writes meanwhile. Writes `files` beside them: what was copied.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';

const data = process.env['DATA'] ?? '';
const copies = process.env['COPIES'] ?? '';
/** The first 16 bytes of every SQLite file. */
const magic = 'SQLite format 3\0';

function isDatabase(file: string): boolean {
  const bytes = Buffer.alloc(magic.length);
  const handle = openSync(file, 'r');
  try {
    return readSync(handle, bytes) === bytes.length && bytes.toString('latin1') === magic;
  } finally {
    closeSync(handle);
  }
}

const files = readdirSync(data, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(data, path.join(entry.parentPath, entry.name)))
  .filter((file) => isDatabase(path.join(data, file)));
for (const file of files) {
  const target = path.join(copies, 'tree', file);
  mkdirSync(path.dirname(target), { recursive: true });
  const source = new DatabaseSync(path.join(data, file), { timeout: 60_000 });
  try {
    await backup(source, target, { rate: 1000 });
  } finally {
    source.close();
  }
  // Not read-only: closed so, a database in write-ahead mode leaves the files of its log behind.
  const copy = new DatabaseSync(target);
  const { integrity_check: verdict } = copy.prepare('pragma integrity_check(1)').get() ?? {};
  copy.close();
  if (verdict !== 'ok') throw new Error(`${file} is damaged: ${String(verdict)}`);
}
writeFileSync(path.join(copies, 'files'), files.map((file) => `${file}\n`).join(''));
console.log(`copied ${files.length} SQLite files`);
