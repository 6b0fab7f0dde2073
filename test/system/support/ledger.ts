/**
 * Writes rows into the PostgreSQL of the lab, one transaction after the other, and remembers those
 * that the server said it had committed. It speaks to the server from inside its container and past
 * kubelet and API server, so that it goes on while they are away and when the node is cut off: what
 * a server acknowledges there, it must keep.
 *
 * Each session numbers its rows from 1 without a gap, so that a lost row is seen by counting.
 */
import assert from 'node:assert/strict';
import { AppsV1Api, type V1Pod } from '@kubernetes/client-node';
import { isReady, type DatabaseLab, settledMs } from './database-lab.ts';

const server = { namespace: 'apps', pod: 'postgres-ledger-0', container: 'postgres' };
export const ledgerClaim = 'apps/postgres-ledger';
const psql = ['psql', '-U', 'app', '-d', 'app', '-AtqX', '-v', 'ON_ERROR_STOP=1'];

/** A row and the count of rows change together: half a transaction is seen as well. */
const tables = `
create table ledger (session int, n int, note text not null, primary key (session, n));
create index on ledger (note);
create table tally (rows bigint not null);
insert into tally values (0);
create table bulk (note text);
alter table bulk alter note set storage external;`;

/** New room on the disks, twice as much with the log: 8 MiB of rows that are not compressed. */
const bulk = 'insert into bulk select repeat(md5(n::text), 128) from generate_series(1, 2000) n';

interface Session {
  readonly number: number;
  readonly node: string;
  /** The highest row that was acknowledged. */
  acknowledged: number;
  readonly ended: Promise<unknown>;
}

export class Ledger {
  readonly #started: DatabaseLab;
  readonly #sessions: Session[] = [];
  #lastMs = performance.now();
  #longestPauseMs = 0;

  constructor(started: DatabaseLab) {
    this.#started = started;
  }

  /** Rows that were acknowledged in all sessions so far. */
  get acknowledged(): number {
    return this.#sessions.reduce((sum, session) => sum + session.acknowledged, 0);
  }

  /** The longest time between two acknowledgements since it was last forgotten. */
  get longestPauseMs(): number {
    return Math.max(this.#longestPauseMs, performance.now() - this.#lastMs);
  }

  forgetPauses(): void {
    this.#lastMs = performance.now();
    this.#longestPauseMs = 0;
  }

  async create(): Promise<void> {
    await this.#sql(tables);
  }

  /**
   * The node on which the server runs, once it is ready.
   *
   * @param notOn a node that may believe that it still runs there
   */
  async untilReady(withinMs: number = settledMs, notOn = ''): Promise<string> {
    const pod = await this.#readyPod(withinMs, notOn);
    return pod.spec?.nodeName ?? '';
  }

  /** Begins to write in a new session, wherever the server is. */
  async open(): Promise<void> {
    const pod = await this.#readyPod(settledMs);
    const node = pod.spec?.nodeName ?? '';
    const container = pod.status?.containerStatuses
      ?.find(({ name }) => name === server.container)
      ?.containerID?.replace('containerd://', '');
    assert.ok(container !== undefined, 'the server has a container');
    const number = this.#sessions.length + 1;
    const insert =
      'with more as (update tally set rows = rows + 1) ' +
      `insert into ledger values (${number}, &, md5(random()::text)) returning n;`;
    // A back-pressure of pipes: the next statement is made when the last one is done.
    const script = `seq 1 1000000 | sed 's/.*/${insert} select pg_sleep(0.1);/' | stdbuf -oL ${psql.join(' ')}`;
    const inside = ['tasks', 'exec', '--exec-id', `ledger-${number}`, '--user', '999', container];
    const command = ['ctr', '-n', 'k8s.io', ...inside, 'sh', '-c', script];
    const session: Session = {
      number,
      node,
      acknowledged: 0,
      ended: this.#started.lab
        .node(node)
        .exec(command, (line) => {
          if (/^\d+$/.test(line)) this.#note(session, Number(line));
        })
        .catch(() => undefined), // it ends with its server, and with its node
    };
    this.#sessions.push(session);
    await this.untilGoesOn();
  }

  /** Resolves when the server has taken a lot of rows at once. */
  async writeBulk(): Promise<void> {
    await this.#sql(bulk);
  }

  /** Ends the server for good, in order. */
  async stopServer(): Promise<void> {
    const { core, lab } = this.#started;
    const { namespace, pod: name } = server;
    await lab.kubeConfig.makeApiClient(AppsV1Api).patchNamespacedStatefulSetScale({
      namespace,
      name: name.replace(/-0$/, ''),
      body: [{ op: 'replace', path: '/spec/replicas', value: 0 }],
    });
    await this.#started.until('the database to end', async () => {
      const { items } = await core.listNamespacedPod({ namespace });
      return items.every(({ metadata }) => metadata?.name !== name);
    });
  }

  /** Until the server has acknowledged some more rows in the newest session. */
  async untilGoesOn(withinMs: number = settledMs): Promise<void> {
    const before = this.#newest();
    const goesOn = async () => this.#newest() >= before + 3;
    await this.#started.until(`more than ${before} rows to be committed`, goesOn, withinMs);
  }

  /** Until the server has acknowledged nothing for a time. */
  async untilSilent(forMs: number): Promise<void> {
    let seen = this.acknowledged;
    let sinceMs = performance.now();
    const isSilent = async () => {
      const nowMs = performance.now();
      if (this.acknowledged !== seen) sinceMs = nowMs;
      seen = this.acknowledged;
      return nowMs - sinceMs >= forMs;
    };
    await this.#started.until('the server to acknowledge nothing', isSilent, forMs + settledMs);
  }

  /**
   * Every acknowledged row is there, none without its count, and the tables and indexes are whole.
   *
   * @param parts the catalogues too, which takes longer, or the tables that are written to
   */
  async check(parts: 'all' | 'own' = 'own'): Promise<void> {
    const acknowledged = this.#sessions.map((session) => ({ ...session }));
    const found = await this.#sql(
      'select session, count(*), max(n) from ledger group by 1 order by 1',
    );
    const rows = found.split('\n').map((line) => line.split('|').map(Number));
    for (const { number, acknowledged: expected, node } of acknowledged) {
      const [, count = 0, last = 0] = rows.find(([session]) => session === number) ?? [];
      const what = `session ${number} on ${node}: ${expected} rows acknowledged, ${count} there up to ${last}`;
      assert.ok(last >= expected && count === last, what);
    }
    const together = 'select (select count(*) from ledger) - (select rows from tally)';
    assert.equal(await this.#sql(together), '0', 'rows and their count');
    const whole = ['pg_amcheck', '-U', 'app', '-d', 'app', '--install-missing', '--heapallindexed'];
    const own = [...whole, '--table=ledger', '--table=tally', '--table=bulk'];
    const command = parts === 'all' ? whole : own;
    const { code, stdout, stderr } = await this.#started.lab.exec(server, command);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
  }

  /** Whether a program can be run beside the server: its kubelet is there. */
  async answers(): Promise<boolean> {
    return (await this.#sql('select 1')) === '1';
  }

  /** How often the server has been started anew in its pod. */
  async restarts(): Promise<number> {
    const pod = await this.#readyPod(settledMs);
    const status = pod.status?.containerStatuses?.find(({ name }) => name === server.container);
    return status?.restartCount ?? -1;
  }

  #note(session: Session, row: number): void {
    session.acknowledged = row;
    if (session !== this.#sessions.at(-1)) return;
    const nowMs = performance.now();
    this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  #newest(): number {
    return this.#sessions.at(-1)?.acknowledged ?? 0;
  }

  async #sql(statement: string): Promise<string> {
    const { code, stdout, stderr } = await this.#started.lab.exec(server, [
      ...psql,
      '-c',
      statement,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async #readyPod(withinMs: number, notOn = ''): Promise<V1Pod> {
    const { core, lab } = this.#started;
    return lab.waitFor(
      'the database to be ready',
      async () => {
        const { namespace, pod: name } = server;
        const pod = await core.readNamespacedPod({ name, namespace });
        if (
          pod.metadata?.deletionTimestamp === undefined &&
          pod.spec?.nodeName !== notOn &&
          pod.status?.conditions?.some(isReady) === true
        ) {
          return pod;
        }
        throw new Error(`${pod.spec?.nodeName ?? 'no node'}, ${pod.status?.phase}`);
      },
      withinMs,
    );
  }
}
