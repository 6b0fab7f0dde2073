/**
 * PostgreSQL on an attached replicated volume while its engine and its replica servers are killed
 * at random: what it has committed is there afterwards, also when the machine that uses the volume
 * is lost in the middle, and `pg_amcheck`, the checksums and the file system find nothing wrong.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { Prng } from '../../dataplane/base/prng.ts';
import { run } from '../../lab/base/run.ts';
import { requirePrograms } from '../support/nbd/programs.ts';
import { skip } from '../support/reporter.ts';
import { AttachedVolume, type Victim } from './support/attached-volume.ts';
import { PostgresServer } from './support/postgres-server.ts';
import { prepareLab } from './support/test-lab.ts';

const sizeBytes = 192 * 2 ** 20;
/** pgbench works in rounds, because only one that ends by itself says what it did. */
const roundSeconds = 3;
/** Transactions of pgbench in a second: a busy small database, and cores left for the killing. */
const benchRate = 50;
const strikesInAll = 5;
const database = 'bench';
/** For one commit, over everything that may be killed meanwhile. */
const answerMs = 30_000;
/** Rows that are committed between one strike and the next, at most. */
const pauseRowsMax = 40;

/** One process, or the engine together with a member. */
const strikes = ['left', 'right', 'engine', 'engine+left', 'engine+right'] as const;

/** One session that commits a numbered row, waits for the answer, and commits the next. */
class Ledger {
  readonly #server: PostgresServer;
  readonly #writer: number;
  readonly #session: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #lines: Interface;
  #asked = 0;
  #stopped = false;
  #said = '';
  /** The highest number whose commit was answered; the answers come in order. */
  committed = 0;

  constructor(server: PostgresServer, writer: number) {
    this.#server = server;
    this.#writer = writer;
    this.#session = server.spawn('psql', '-X', '-q', '-h', '/tmp', '-d', database, '-tA');
    this.#ended = once(this.#session, 'close');
    this.#session.stdin?.on('error', () => {});
    this.#session.stderr?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    if (this.#session.stdout === null) throw new Error('psql has no output');
    this.#lines = createInterface(this.#session.stdout);
    this.#lines.on('line', (line) => {
      assert.equal(Number(line), this.#asked, 'answers come in order');
      this.committed = this.#asked;
      if (!this.#stopped) this.#ask();
    });
    this.#ask();
  }

  /** Resolves after so many more answers; throws when the next one takes too long. */
  async more(answers: number): Promise<void> {
    const until = this.committed + answers;
    while (this.committed < until) {
      await once(this.#lines, 'line', { signal: AbortSignal.timeout(answerMs) }).catch(
        (cause: unknown) => {
          throw new Error(`no row was committed for ${answerMs} ms: ${this.#said}`, { cause });
        },
      );
    }
  }

  /** Ends after the next answer, or where it is when the server has gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#session.stdin?.end();
    await this.#ended;
  }

  /** Every row whose commit was answered is there, whole, and at most one that was not. */
  async isKept(why: string): Promise<void> {
    const content = contentOf(this.#writer, 'number');
    const found = await this.#server.sql(
      database,
      `select count(*), max(number), count(*) filter (where content <> ${content}) from ledger where writer = ${this.#writer}`,
    );
    const there = [this.committed, this.#asked].map((count) => `${count}|${count}|0`);
    assert.ok(
      there.includes(found),
      `ledger ${this.#writer}: ${found}, not ${there.join(' or ')}, ${why}`,
    );
  }

  #ask(): void {
    this.#asked += 1;
    const row = `${this.#writer}, ${this.#asked}, ${contentOf(this.#writer, String(this.#asked))}`;
    this.#session.stdin?.write(`insert into ledger values (${row}) returning number;\n`);
  }
}

/** As SQL; the same for a row that is written and for a row that is checked. */
function contentOf(writer: number | string, number: string): string {
  return `repeat(md5('${writer}' || '/' || ${number}), 20)`;
}

describe('PostgreSQL on an attached volume', function () {
  this.timeout(240_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-postgres-'));
  let server: PostgresServer;
  let attached: AttachedVolume | undefined;

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: mounts, loop devices, FUSE, chroot');
    requirePrograms(this, 'nbdkit', 'nbdfuse', 'losetup');
    const { images } = await prepareLab(path.join(folder, 'state'));
    server = PostgresServer.unpack(images.postgres.archive, path.join(folder, 'root'));
  });

  after(async () => {
    await server?.kill();
    await attached?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function mount(): Promise<string> {
    assert.ok(attached);
    const device = await attached.attach();
    await run('mount', ['-t', 'ext4', device, server.mountPoint]);
    return device;
  }

  it('has every committed row and nothing damaged after processes were killed at random', async () => {
    const seed = Number(process.env['LARDER_SEED'] ?? randomInt(2 ** 31));
    console.log(`      seed ${seed}: LARDER_SEED=${seed} strikes in the same order`);
    attached = await AttachedVolume.make(sizeBytes, server.mountPoint);
    await run('mkfs.ext4', ['-q', '-F', await attached.attach()]);
    await mount();
    await server.initialise();
    await server.start();
    await server.run('createdb', '-h', '/tmp', database);
    await server.run('pgbench', '-h', '/tmp', '-i', '-q', database);
    const columns = 'writer int, number int, content text, primary key (writer, number)';
    await server.sql(database, `create table ledger (${columns})`);

    const ledgers = [1, 2].map((writer) => new Ledger(server, writer));
    const struck: string[] = [];
    const [done] = await Promise.all([
      benchWhile(() => struck.length < strikesInAll),
      strike(new Prng(seed), ledgers, struck),
    ]);

    // The machine that uses the volume is lost; another one takes what is durable.
    await Promise.all(ledgers.map((ledger) => ledger.more(1)));
    await server.kill();
    await attached.loseClient();
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    await run('umount', ['--lazy', server.mountPoint]);
    await attached.detach();
    await mount();
    await server.start();

    const why = `after ${struck.join(', ')} with seed ${seed}`;
    for (const ledger of ledgers) await ledger.isKept(why);
    await expectBenchKept(done, why);
    await server.run(
      'pg_amcheck',
      '-h',
      '/tmp',
      '--install-missing',
      '--heapallindexed',
      '-d',
      database,
    );
    await server.stop();
    await server.run('pg_checksums', '--check', '-D', '/var/lib/postgresql/data/pgdata');
    await run('umount', [server.mountPoint]);
    await run('e2fsck', ['-f', '-n', await attached.attach()]);
    await attached.detach();
    assert.equal(await attached.running.compareCopies(), 'equal', why);
  });

  /** Gives the number of transactions that pgbench was told are committed; none may fail. */
  async function benchWhile(goesOn: () => boolean): Promise<number> {
    const load = ['-n', '-c', '4', '-T', `${roundSeconds}`, '-R', `${benchRate}`];
    let done = 0;
    while (goesOn()) {
      const told = await server.run('pgbench', '-h', '/tmp', ...load, database);
      assert.match(told, /number of failed transactions: 0 /);
      done += Number(/transactions actually processed: (\d+)/.exec(told)?.[1]);
    }
    return done;
  }

  /** Each time something is killed, it is mended again before the next. */
  async function strike(prng: Prng, ledgers: readonly Ledger[], struck: string[]): Promise<void> {
    while (struck.length < strikesInAll) {
      const what = prng.pick(strikes) ?? 'engine';
      await ledgers[0]?.more(prng.between(1, pauseRowsMax));
      const [victim, member] = what.split('+');
      if (member === undefined) await attached?.killAndMend(victim as Victim);
      else await attached?.killEngineWith(member);
      struck.push(what);
    }
  }

  /** What pgbench was told is what its tables add up to. */
  async function expectBenchKept(done: number, why: string): Promise<void> {
    const count = await server.sql(database, 'select count(*) from pgbench_history');
    assert.equal(Number(count), done, `rows of pgbench_history ${why}`);
    const sums = ['accounts', 'tellers', 'branches'].map(
      (table) => `(select sum(${table[0]}balance) from pgbench_${table})`,
    );
    const sum = '(select sum(delta) from pgbench_history)';
    const equal = sums.map((each) => `${each} = ${sum}`).join(' and ');
    assert.equal(await server.sql(database, `select ${equal}`), 't', `sums of pgbench ${why}`);
  }
});
