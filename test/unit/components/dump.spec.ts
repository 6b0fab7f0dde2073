import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Ran, ShellBench } from './shell-bench.ts';

/**
 * PostgreSQL's programs, as far as the script needs them: two databases, dumps that are one line.
 */
function postgres(bench: ShellBench, change: Readonly<Record<string, string>> = {}): void {
  const programs = {
    pg_isready: ':',
    pg_dumpall: 'echo "CREATE ROLE app;"; echo "-- PostgreSQL database cluster dump complete"',
    psql: 'echo "16384 app"; echo "16385 wiki"',
    pg_dump: 'while [ $# -gt 1 ]; do [ "$1" = -f ] && echo "archive" >"$2"; shift; done',
    pg_restore: 'for last; do :; done; [ "$(cat "$last")" = archive ]',
    ...change,
  };
  for (const [name, text] of Object.entries(programs)) bench.program(name, text);
}

describe('script dump', () => {
  const folder = 'larder/dumps/main';
  const dump = (bench: ShellBench, at: string, keep = 3): Ran => {
    bench.program('date', `echo ${at}`);
    return bench.run(['disk', 'dump'], {
      DATABASE: 'main',
      KEEP: String(keep),
      PGHOST: 'postgres-main.apps.svc',
      PGUSER: 'app',
      PAUSE: '0',
    });
  };
  const kept = (bench: ShellBench) =>
    readdirSync(bench.onDisk(folder))
      .filter((name) => !name.startsWith('.'))
      .sort();
  const day = (number: number) => `202611${String(number).padStart(2, '0')}T031500Z`;

  it('keeps every database, the roles, a list and checksums in a folder named by its time', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    const { code, out } = dump(bench, day(1));
    assert.equal(code, 0, out);
    assert.match(
      out,
      /dumped 2 databases of postgres-main\.apps\.svc to kube01:\/mnt\/nvme\/larder\/dumps\/main\/20261101T031500Z/,
    );
    assert.deepEqual(readdirSync(bench.onDisk(`${folder}/${day(1)}`)).sort(), [
      '16384.dump',
      '16385.dump',
      'databases',
      'globals.sql',
      'sha256sums',
    ]);
    assert.equal(
      readFileSync(bench.onDisk(`${folder}/${day(1)}/databases`), 'utf8'),
      '16384.dump app\n16385.dump wiki\n',
    );
  });

  it('waits for a server that is ready and not reached yet', () => {
    using bench = new ShellBench('mounted');
    const count = bench.onDisk('asked');
    // Refuses twice, as a Service does that the node has not heard of.
    postgres(bench, { pg_isready: `echo x >>${count}; [ "$(wc -l <${count})" -gt 2 ]` });
    const { code, out } = dump(bench, day(1));
    assert.equal(code, 0, out);
    assert.equal(readFileSync(count, 'utf8'), 'x\nx\nx\n');
  });

  const failures = [
    {
      when: 'nobody ever listens',
      change: { pg_isready: 'exit 2' },
      says: /REFUSED: postgres-main\.apps\.svc does not accept connections/,
    },
    {
      when: 'the server does not answer',
      change: { pg_dumpall: 'echo "no route" >&2; exit 2' },
      says: /REFUSED: \S+ does not hand out its roles/,
    },
    {
      when: 'the list of roles is cut off',
      change: { pg_dumpall: 'echo "CREATE ROLE app;"' },
      says: /REFUSED: the list of roles is cut off/,
    },
    {
      when: 'a dump fails',
      change: { pg_dump: 'echo "out of memory" >&2; exit 1' },
      says: /out of memory/,
    },
    {
      when: 'a dump cannot be read back',
      change: { pg_restore: 'echo "unexpected end of file" >&2; exit 1' },
      says: /unexpected end of file/,
    },
    { when: 'there is no database', change: { psql: ':' }, says: /has no database to dump/ },
  ];
  for (const { when, change, says } of failures) {
    it(`fails, names nothing a dump and removes nothing when ${when}`, () => {
      using bench = new ShellBench('mounted');
      postgres(bench);
      for (const number of [1, 2, 3]) assert.equal(dump(bench, day(number)).code, 0);
      postgres(bench, change);
      const { code, out } = dump(bench, day(4));
      assert.notEqual(code, 0);
      assert.match(out, says);
      assert.deepEqual(
        kept(bench).filter((name) => name.endsWith('Z')),
        [day(1), day(2), day(3)],
      );
      // The next good run clears what the failed one left.
      postgres(bench);
      assert.equal(dump(bench, day(5)).code, 0);
      assert.deepEqual(kept(bench), [day(2), day(3), day(5)]);
    });
  }

  it('lets the oldest go only behind as many good ones as it shall keep', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    for (const number of [1, 2, 3, 4, 5]) assert.equal(dump(bench, day(number), 4).code, 0);
    assert.deepEqual(kept(bench), [day(2), day(3), day(4), day(5)]);
  });

  it('does not count a damaged dump, and keeps an older good one in its place', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    for (const number of [1, 2, 3]) dump(bench, day(number));
    writeFileSync(bench.onDisk(`${folder}/${day(2)}/16384.dump`), 'rotten');
    const { out } = dump(bench, day(4));
    assert.match(out, /WARNING: the dump 20261102T031500Z is damaged and does not count/);
    assert.deepEqual(kept(bench), [day(1), day(2), day(3), day(4)]);
  });

  it('removes nothing while the clock is behind the newest dump', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    for (const number of [10, 11, 12]) dump(bench, day(number));
    const { code, out } = dump(bench, day(1));
    assert.equal(code, 0);
    assert.match(out, /WARNING: the clock of kube01 .* nothing is removed today/);
    assert.deepEqual(kept(bench), [day(1), day(10), day(11), day(12)]);
  });

  it('never keeps fewer than three, whatever it is told', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    for (const number of [1, 2, 3]) dump(bench, day(number));
    const { code, out } = dump(bench, day(4), 1);
    assert.notEqual(code, 0);
    assert.match(out, /KEEP is 1: fewer than three dumps are never kept/);
    assert.deepEqual(kept(bench), [day(1), day(2), day(3), day(4)]);
  });

  it('clears what a killed run left', () => {
    using bench = new ShellBench('mounted');
    postgres(bench);
    mkdirSync(bench.onDisk(`${folder}/${day(1)}.partial`), { recursive: true });
    assert.equal(dump(bench, day(2)).code, 0);
    assert.deepEqual(kept(bench), [day(2)]);
  });

  it('refuses a bare mount point', () => {
    using bench = new ShellBench('bare');
    postgres(bench);
    const { code, out } = dump(bench, day(1));
    assert.equal(code, 1);
    assert.match(out, /REFUSED: \/mnt\/nvme on kube01 is an ordinary folder/);
    assert.equal(bench.has('larder'), false);
  });
});
