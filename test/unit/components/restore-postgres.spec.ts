import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ShellBench } from './shell-bench.ts';

/**
 * A server that is files: `databases` lists them, `tables-<name>` counts, `log` tells what was
 * done.
 */
function server(bench: ShellBench, databases: readonly string[]): void {
  writeFileSync(bench.file('databases'), databases.map((name) => `${name}\n`).join(''));
  writeFileSync(bench.file('log'), '');
  const at = (name: string) => bench.file(name);
  bench.program('pg_isready', ':');
  bench.program(
    'psql',
    `database=$2; shift 2
for last; do :; done
case "$last" in
  (*"count(*) from pg_class"*) cat ${at('tables')}-$database 2>/dev/null || echo 0 ;;
  (*"count(*) from pg_database"*) name=\${last##*= \\'}; grep -c -x "\${name%\\'*}" ${at('databases')} || true ;;
  (*"select 1 from pg_database"*) grep -q -x larder_restoring ${at('databases')} && echo 1 || true ;;
  (*"select datname"*) cat ${at('databases')} ;;
  "create database"*) echo "\${last#create database }" | tr -d '"' >>${at('databases')}; echo "$last" >>${at('log')} ;;
  "drop database"*) sed -i "/^\${last#drop database }$/d" ${at('databases')}; echo "$last" >>${at('log')} ;;
  *) cat >>${at('roles')} ;;
esac`,
  );
  bench.program(
    'pg_restore',
    `while [ $# -gt 1 ]; do [ "$1" = -d ] && database=$2; shift; done
[ "$(cat "$1")" = archive ] || { echo "unexpected end of file" >&2; exit 1; }
echo "restored $database" >>${at('log')}; echo 7 >${at('tables')}-$database`,
  );
}

/** A dump as dump.sh makes it. */
function dump(bench: ShellBench, time: string, content = 'archive'): void {
  const folder = `larder/dumps/main/${time}`;
  mkdirSync(bench.onDisk(folder), { recursive: true });
  const files = {
    '16384.dump': content,
    'globals.sql':
      "CREATE ROLE app;\nALTER ROLE app WITH SUPERUSER PASSWORD 'old';\nCREATE ROLE app_reader;\n",
    databases: '16384.dump app\n',
  };
  const sums = Object.entries(files).map(([name, text]) => {
    writeFileSync(bench.onDisk(`${folder}/${name}`), text);
    return `${createHash('sha256').update(text).digest('hex')}  ./${name}\n`;
  });
  writeFileSync(bench.onDisk(`${folder}/sha256sums`), sums.join(''));
}

describe('script restore-postgres', () => {
  const restore = (bench: ShellBench, snapshot = 'latest') =>
    bench.run(['disk', 'restore-postgres'], {
      DATABASE: 'main',
      SNAPSHOT: snapshot,
      PGHOST: 'postgres-main.apps.svc',
      PGUSER: 'app',
      PAUSE: '0',
    });
  const log = (bench: ShellBench) => readFileSync(bench.file('log'), 'utf8');

  it('fills an empty server from its newest dump, roles first, its own password kept', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app']);
    dump(bench, '20261119T031500Z');
    dump(bench, '20261120T031500Z');
    const { code, out } = restore(bench);
    assert.equal(code, 0, out);
    assert.match(out, /restored 1 databases of main from 20261120T031500Z/);
    assert.match(log(bench), /create database larder_restoring\nrestored app\ndrop database/);
    assert.equal(readFileSync(bench.file('roles'), 'utf8'), 'CREATE ROLE app_reader;\n');
  });

  it('never touches a server that holds tables', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app']);
    writeFileSync(bench.file('tables-app'), '3\n');
    dump(bench, '20261120T031500Z');
    const { code, out } = restore(bench);
    assert.equal(code, 0, out);
    assert.match(out, /the database app on \S+ holds tables already; nothing was restored/);
    assert.equal(log(bench), '');
  });

  it('begins anew what was killed half-way', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app', 'larder_restoring']);
    writeFileSync(bench.file('tables-app'), '1\n');
    dump(bench, '20261120T031500Z');
    const { code, out } = restore(bench);
    assert.equal(code, 0, out);
    assert.match(log(bench), /restored app\ndrop database larder_restoring/);
  });

  it('makes a database that the dump has and the server has not', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres']);
    dump(bench, '20261120T031500Z');
    assert.equal(restore(bench).code, 0);
    assert.match(log(bench), /create database "app"\nrestored app/);
  });

  it('takes an older dump when the newest is damaged, and the one that is named', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app']);
    for (const day of ['18', '19', '20']) dump(bench, `202611${day}T031500Z`);
    writeFileSync(bench.onDisk('larder/dumps/main/20261120T031500Z/16384.dump'), 'rotten');
    const { out } = restore(bench);
    assert.match(out, /WARNING: the dump 20261120T031500Z is damaged/);
    assert.match(out, /from 20261119T031500Z/);
    server(bench, ['postgres', 'fresh']);
    assert.match(restore(bench, '20261118T031500Z').out, /from 20261118T031500Z/);
  });

  it('refuses to begin empty when a dump was asked for and there is none', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app']);
    const none = restore(bench);
    assert.equal(none.code, 1);
    assert.match(none.out, /holds no dumps of main; write `restore: none`/);
    dump(bench, '20261120T031500Z');
    const wrong = restore(bench, '20261101T031500Z');
    assert.equal(wrong.code, 1);
    assert.match(wrong.out, /no whole dump of main \(wanted: 20261101T031500Z\)/);
    assert.equal(log(bench), '');
  });

  it('says which dump cannot be restored, and begins anew at the next run', () => {
    using bench = new ShellBench('mounted');
    server(bench, ['postgres', 'app']);
    dump(bench, '20261120T031500Z', 'of another version');
    const { code, out } = restore(bench);
    assert.equal(code, 1);
    assert.match(out, /the dump 20261120T031500Z of app cannot be restored/);
    assert.match(readFileSync(bench.file('databases'), 'utf8'), /larder_restoring/);
  });
});
