import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { forgetFlags, removable } from '../../../components/rules/retention.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { skip } from '../../support/reporter.ts';
import { BackupBench, missingProgram, type Snapshot } from './backup-bench.ts';

const write = (bench: BackupBench, name: string, text: string) => {
  mkdirSync(path.dirname(path.join(bench.data, name)), { recursive: true });
  writeFileSync(path.join(bench.data, name), text);
};
const read = (bench: BackupBench, name: string) =>
  readFileSync(path.join(bench.data, name), 'utf8');
const good = (bench: BackupBench) =>
  bench.snapshots().filter(({ tags }) => tags?.includes('verified') === true);
const backUp = (bench: BackupBench, env: Record<string, string> = {}) => {
  const { code, out } = bench.run('backup', env);
  assert.equal(code, 0, out);
  return out;
};
/** The restore's copies lie in a folder of its own. */
const restore = (bench: BackupBench, env: Record<string, string> = {}) =>
  bench.run('restore', { COPIES: bench.file('copies'), ...env });
/** The files of the store that hold the data. */
const packs = (bench: BackupBench) => {
  const folder = path.join(bench.repository, 'data');
  spawnSync('chmod', ['-R', 'u+w', folder]);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  assert.ok(files.length > 0);
  return files;
};
/** As rot on the store's disk would leave it: as long as it was, one byte of its data another. */
const rot = (file: string) => {
  const bytes = readFileSync(file);
  // What a pack holds begins at its first byte; restic does not read its end when it restores.
  bytes.writeUInt8(bytes.readUInt8(8) ^ 0xff, 8);
  writeFileSync(file, bytes);
};
const lose = (bench: BackupBench) => {
  rmSync(bench.data, { recursive: true });
  mkdirSync(bench.data);
};

const ascending = (a: number, b: number) => a - b;

describe('backup with restic', function () {
  // restic takes most of a second to derive its key, at each of its calls.
  this.timeout(300_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-repository-'));
  const template = path.join(folder, 'repository');
  before(function () {
    const missing = missingProgram();
    if (missing !== undefined) skip(this, missing);
    using bench = new BackupBench(undefined, template);
    bench.restic('init');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('makes its repository at the first backup, and comes back on an empty volume as it was', () => {
    using bench = new BackupBench();
    const mark = 'gitea-forge\n';
    write(bench, 'repositories/a b.git/HEAD', 'ref: refs/heads/main');
    write(bench, '.larder-volume', mark);
    assert.match(backUp(bench, { VOLUME: 'gitea-forge' }), /backed up gitea-forge: \w+, verified/);
    lose(bench);
    write(bench, '.larder-volume', mark);
    const { code, out } = restore(bench);
    assert.equal(code, 0, out);
    assert.match(out, /restored gitea-forge from [0-9a-f]+ in \d+ s, verified/);
    assert.equal(read(bench, 'repositories/a b.git/HEAD'), 'ref: refs/heads/main');
    assert.equal(existsSync(path.join(bench.data, '.larder-restoring')), false);
    assert.match(restore(bench).out, /holds data already; nothing was restored/);
  });

  it('counts only what was verified, and restores what is named', () => {
    using bench = new BackupBench(template);
    write(bench, 'file', 'one');
    backUp(bench);
    const [first] = good(bench);
    write(bench, 'file', 'two');
    // As a run that was killed before its check.
    bench.restic('backup', '--host', 'larder', bench.data);
    lose(bench);
    assert.equal(restore(bench).code, 0);
    assert.equal(read(bench, 'file'), 'one', 'the unverified one is not the newest');
    write(bench, 'file', 'three');
    backUp(bench);
    assert.equal(good(bench).length, 2);
    assert.equal(bench.snapshots().length, 2, 'the unverified one went');
    lose(bench);
    const wrong = restore(bench, { SNAPSHOT: 'ffffffff' });
    assert.equal(wrong.code, 1);
    assert.match(wrong.out, /ffffffff is not one verified backup .* are: [0-9a-f]{8} [0-9a-f]{8}/);
    // Killed half-way: what is there is not data, and no backup of it counts.
    write(bench, 'file', 'on');
    write(bench, '.larder-restoring', 'id');
    assert.match(bench.run('backup').out, /is being restored; nothing was backed up/);
    assert.equal(restore(bench, { SNAPSHOT: first?.id.slice(0, 8) ?? '' }).code, 0);
    assert.equal(read(bench, 'file'), 'one');
  });

  it('refuses, and leaves the backups alone, when something is not as it must be', () => {
    using bench = new BackupBench(template);
    write(bench, 'file', 'data');
    backUp(bench);
    const wrongKey = { RESTIC_PASSWORD_FILE: '/etc/hostname' };
    const refusals = [
      ['backup', { VOLUME: 'wiki' }, /is not the volume wiki .* nothing was backed up/],
      ['backup', { DATA: '/nowhere' }, /there is no \/nowhere to back up/],
      ['backup', wrongKey, /neither opens nor can be made: .*wrong password/],
      ['probe', wrongKey, /the target gitea-forge neither opens nor can be used/],
      ['drill', { MAX_AGE_SECONDS: '-5' }, /is of .*, older than it may be/],
      ['drill', { RESTIC_REPOSITORY: '/nowhere' }, /the repository of \S+ does not open/],
    ] as const;
    for (const [name, env, says] of refusals) {
      const { code, out } = bench.run(name, env);
      assert.equal(code, 1, `${name}: ${out}`);
      assert.match(out.replaceAll('\n', ' '), says);
    }
    lose(bench);
    const empty = bench.run('backup');
    assert.equal(empty.code, 1);
    assert.match(empty.out, /gitea-forge is empty and its newest backup is not/);
    const unreachable = restore(bench, { RESTIC_REPOSITORY: '/nowhere' });
    assert.equal(unreachable.code, 1);
    assert.match(unreachable.out, /does not open: .* Nothing was restored/);
    assert.equal(good(bench).length, 1);
  });

  it('refuses to begin empty when a backup was asked for and there is none', () => {
    using bench = new BackupBench(template);
    const { code, out } = restore(bench);
    assert.equal(code, 1);
    assert.match(out, /no verified backup of gitea-forge; write `restore: none`/);
  });

  it('notices that the store is damaged and removes nothing; a drill fails too', () => {
    using bench = new BackupBench(template);
    write(bench, 'file', 'x'.repeat(100_000));
    backUp(bench);
    // A pack that is short or gone is asked for again for minutes; a byte that is wrong is not.
    for (const pack of packs(bench)) rot(pack);
    write(bench, 'file', 'y'.repeat(100_000));
    const { code, out } = bench.run('backup');
    assert.equal(code, 1, out);
    assert.match(out, /the repository of gitea-forge is damaged; nothing was removed/);
    assert.equal(good(bench).length, 1);
    assert.equal(bench.run('drill').code, 1);
  });

  it('proves by a drill that the newest backup can be restored, and that its dumps hold', () => {
    using bench = new BackupBench(template);
    write(bench, 'a/file', 'data');
    backUp(bench);
    const { code, out } = bench.run('drill');
    assert.equal(code, 0, out);
    assert.match(out, /DRILL gitea-forge: [0-9a-f]+ of \S+, 1 files, \d+ KiB in \d+ s/);
    write(bench, '20261120T031500Z/16384.dump', 'archive');
    write(bench, '20261120T031500Z/sha256sums', `${'0'.repeat(64)}  16384.dump\n`);
    backUp(bench);
    const damaged = bench.run('drill', { SCRATCH: bench.file('scratch-2') });
    assert.equal(damaged.code, 1);
    assert.match(damaged.out, /the newest dump in the backup \S+ of gitea-forge is damaged/);
  });

  it('tries a target by writing to it and reading back, as often as it is asked', () => {
    using bench = new BackupBench();
    for (const round of [1, 2]) {
      const { code, out } = bench.run('probe');
      assert.equal(code, 0, `round ${round}: ${out}`);
      assert.match(out, /took a backup and gave it back/);
    }
    assert.equal(bench.snapshots().length, 1);
  });

  it('takes a consistent copy of SQLite files that are being written, and puts it back', async () => {
    using bench = new BackupBench(template);
    const file = path.join(bench.data, "home [1]/it's $5.db");
    mkdirSync(path.dirname(file));
    write(bench, 'configuration.yaml', 'default_config:');
    const database = new DatabaseSync(file);
    database.exec('pragma journal_mode = wal; create table pairs (a int, b int)');
    // A reader that stays keeps everything in the write-ahead log: the file alone is nothing yet.
    const reader = new DatabaseSync(file);
    reader.exec('begin; select count(*) from pairs');
    for (let n = 0; n < 100; n += 1) database.exec(`insert into pairs values (${n}, ${n})`);
    const job = path.join(repositoryRoot, 'components/jobs/sqlite-copies.ts');
    const copied = spawn(process.execPath, [job], {
      env: { DATA: bench.data, COPIES: bench.file('copies') },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    assert.deepEqual(await once(copied, 'exit'), [0, null]);
    backUp(bench, { COPIES: bench.file('copies') });
    reader.close();
    database.close();
    lose(bench);
    rmSync(bench.file('copies'), { recursive: true });
    mkdirSync(bench.file('copies'));
    const { code, out } = restore(bench);
    assert.equal(code, 0, out);
    assert.equal(read(bench, 'configuration.yaml'), 'default_config:');
    assert.deepEqual(readdirSync(path.dirname(file)), ["it's $5.db"], 'no log without its base');
    const restored = new DatabaseSync(file);
    const { n, same } =
      restored.prepare('select count(*) n, sum(a = b) same from pairs').get() ?? {};
    restored.close();
    assert.deepEqual([n, same], [100, 100]);
  });

  it('lets go by the same rule as restic itself', () => {
    using bench = new BackupBench(template);
    write(bench, 'file', 'data');
    const hours = [0, 5, 30, 49, 50, 75, 200, 400, 800, 1200, 2600, 5000, 5010];
    const startMs = Date.UTC(2025, 10, 3, 4, 5, 6);
    const times = hours.map((hour) => startMs + hour * 3_600_000);
    for (const time of times) {
      const stamp = new Date(time).toISOString().slice(0, 19).replace('T', ' ');
      bench.restic('backup', '--time', stamp, bench.data);
    }
    const policy = { last: 3, daily: 4, weekly: 3, monthly: 4 };
    const flags = forgetFlags(policy);
    const said = bench.restic('forget', '--dry-run', '--json', '--group-by', '', ...flags);
    const [group] = JSON.parse(said) as { remove: readonly Snapshot[] | null }[];
    const theirs = (group?.remove ?? []).map(({ time }) => Date.parse(time)).toSorted(ascending);
    const copies = times.map((takenMs) => ({ id: String(takenMs), takenMs, isGood: true }));
    const nowMs = startMs + 6000 * 3_600_000;
    const ours = removable(copies, policy, nowMs).map(({ takenMs }) => takenMs);
    assert.ok(ours.length > 3);
    assert.deepEqual(theirs, ours.toSorted(ascending));
  });
});
