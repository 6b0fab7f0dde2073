/** The scrub over the simulator's shelf: real engine and stores, virtual time, nobody who reads. */
import assert from 'node:assert/strict';
import { digestBlocks, markUnreadable } from '../../../../dataplane/base/digest.ts';
import { limits } from '../../../../dataplane/base/limits.ts';
import { filesOf } from '../../../../dataplane/store/layer-list.ts';
import { verdicts } from '../../../../dataplane/volume/scrub-verdict.ts';
import type { EngineDrive } from '../../../../dataplane/drive/engine.ts';
import { tellFinding } from '../../../../dataplane/main/scrub-words.ts';
import type { Log, LogLabels } from '../../../../dataplane/ports/log.ts';
import type { SimMember } from '../../../sim/member.ts';
import { blockBytes, type Settings, times } from '../../../sim/settings.ts';
import { Shelf } from '../../../sim/shelf.ts';
import { World } from '../../../sim/world.ts';

const calm: Settings = {
  members: 3,
  blockCount: 24,
  regionBlocks: 8,
  clients: 0,
  thinkMs: 5,
  flushShare: 0,
  slowestDiskMs: 2,
  slowestLinkMs: 2,
  lostAnswers: 0,
  leaseMs: 1000,
  memberLossMs: 200,
  faults: 0,
  busyMs: 0,
  blackouts: false,
  snapshots: false,
};

/** A pass, the questions of its few steps, and clocks that run at different speeds. */
const passMs = times.scrubPassMs * 1.5;

function contentOf(block: number): string {
  return Buffer.alloc(blockBytes, block + 1).toString('hex');
}

class Rig {
  readonly world: World;
  readonly shelf: Shelf;

  constructor(seed: number, settings: Partial<Settings> = {}) {
    this.world = new World(seed, 200);
    this.shelf = new Shelf(this.world, { ...calm, ...settings }, {});
  }

  get engine(): EngineDrive {
    const { newest } = this.shelf;
    assert.ok(newest !== undefined, 'an engine was attached');
    return newest.engine;
  }

  member(index: number): SimMember {
    const member = this.shelf.members[index];
    assert.ok(member !== undefined, `there is a member ${index}`);
    return member;
  }

  /** Served, every block written and flushed, and every region clean. */
  async begin(): Promise<void> {
    await this.shelf.begin();
    await this.world.runUntil(this.world.nowMs + 1000, () => this.engine.serving);
    const bytes = Buffer.alloc(this.shelf.settings.blockCount * blockBytes);
    for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(at / blockBytes) + 1;
    await this.finished(this.engine.write(0, bytes, { fua: false }));
    await this.finished(this.engine.flush());
    await this.world.runUntil(this.world.nowMs + 500);
  }

  async finished<T>(work: Promise<T>): Promise<T> {
    const end: { value?: T } = {};
    void work.then((value) => {
      end.value = value;
    });
    await this.world.runUntil(this.world.nowMs + 5000, () => end.value !== undefined);
    assert.ok(end.value !== undefined, 'the engine answered within five seconds');
    return end.value;
  }

  rot(index: number, block: number): void {
    const member = this.member(index);
    member.medium.rot(filesOf(1).data, block * blockBytes + 3);
    assert.equal(member.image()[block], 'unreadable');
  }

  async within(forMs: number, what: string, done: () => boolean): Promise<void> {
    await this.world.runUntil(this.world.nowMs + forMs, done);
    assert.ok(done(), `${what} did not happen within ${forMs} ms: ${this.world.lines.join('\n')}`);
  }

  findings(kind: string): readonly string[] {
    return this.world.lines.filter((line) => line.includes(`scrubs: {"kind":"${kind}"`));
  }
}

describe('scrub', () => {
  for (const index of [0, 1, 2]) {
    it(`I-21 repairs a rotten block that nobody reads within one pass [member ${index}]`, async () => {
      const rig = new Rig(10 + index);
      await rig.begin();
      rig.rot(index, 13);
      const image = () => rig.member(index).image()[13];
      await rig.within(passMs, 'the repair', () => image() === contentOf(13));
      await rig.within(50, 'the finding', () => rig.engine.scrub.repairedBlocks === 1);
      assert.match(rig.findings('repaired').join(), /"blocks":\[13\],"members":\["r\d"\]/);
      assert.equal(rig.world.violation, undefined);
    });
  }

  it('repairs different blocks of all members when each has another one', async () => {
    const rig = new Rig(2);
    await rig.begin();
    for (const index of [0, 1, 2]) rig.rot(index, 5 + index);
    await rig.within(passMs, 'the repair', () => rig.engine.scrub.repairedBlocks === 3);
    for (const index of [0, 1, 2]) {
      const expected = Array.from({ length: calm.blockCount }, (_, block) => contentOf(block));
      assert.deepEqual(rig.member(index).image(), expected);
    }
  });

  for (const members of [1, 2]) {
    it(`reports a block that no copy can read and leaves it so [${members} copies]`, async () => {
      const rig = new Rig(3, { members });
      await rig.begin();
      for (let index = 0; index < members; index++) rig.rot(index, 7);
      await rig.within(passMs, 'the report', () => rig.engine.scrub.lostBlocks === 1);
      assert.equal(rig.engine.scrub.repairedBlocks, 0);
      const span = { offsetBytes: 7 * blockBytes, lengthBytes: blockBytes };
      const outcome = await rig.finished(rig.engine.read(span));
      assert.ok(outcome.kind === 'failed' && outcome.reason === 'io');
      assert.match(outcome.fault.message, /Block 7 matches its checksum on no in-sync member/);
    });
  }

  it('says that copies differ, and makes them equal, when each matches its checksum', async () => {
    const rig = new Rig(4);
    await rig.begin();
    // A write that the engine knows nothing of, with its seal: what a disk put back in time shows.
    const { hosted } = rig.member(0);
    assert.ok(hosted !== undefined);
    const strange = new Uint8Array(blockBytes).fill(99);
    const order = { sequence: 1_000, fua: true };
    const written = async () => {
      await hosted.runner.run(hosted.store.write(9 * blockBytes, strange, order));
      return true;
    };
    await rig.finished(written());
    await rig.within(passMs, 'the finding', () => rig.findings('differed').length === 1);
    assert.equal(rig.engine.scrub.differedBlocks, 1);
    assert.match(rig.findings('differed').join(), /"blocks":\[9\],"members":\["r1"\]/);
    assert.equal(rig.member(0).image()[9], contentOf(9), 'two copies outvote the first');
  });

  it('counts passes and says when the last one ended', async () => {
    const rig = new Rig(5);
    await rig.begin();
    assert.equal(rig.engine.scrub.lastPassEndedAtMs, undefined);
    await rig.within(2 * passMs, 'a pass', () => rig.engine.scrub.passes === 1);
    const { lastPassEndedAtMs } = rig.engine.scrub;
    assert.ok(lastPassEndedAtMs !== undefined && lastPassEndedAtMs >= times.scrubPassMs);
    await rig.within(passMs, 'another pass', () => rig.engine.scrub.passes === 2);
  });

  it('waits for clients, and goes on all the same when they never pause', async () => {
    const rig = new Rig(7);
    await rig.begin();
    await rig.within(passMs, 'the first pass', () => rig.engine.scrub.passes === 1);
    const block = { offsetBytes: 0, lengthBytes: blockBytes };
    let stopped = false;
    const work = async (): Promise<void> => {
      while (!stopped) await rig.engine.read(block);
    };
    for (let client = 0; client < 3; client++) void work();
    await rig.world.runUntil(rig.world.nowMs + passMs);
    assert.equal(rig.engine.scrub.passes, 1, 'it waits where it would have been through');
    const steps = calm.blockCount / calm.regionBlocks;
    const slowMs = passMs + steps * limits.scrubPatienceMs;
    await rig.within(slowMs, 'a pass', () => rig.engine.scrub.passes === 2);
    stopped = true;
  });

  it('goes on with the members that are left when one is away', async () => {
    const rig = new Rig(6);
    await rig.begin();
    rig.member(2).stop();
    await rig.within(2000, 'the removal', () => rig.shelf.recorded.length === 2);
    rig.rot(0, 20);
    await rig.within(passMs, 'the repair', () => rig.member(0).image()[20] === contentOf(20));
  });
});

describe('words of a scrub', () => {
  const told: [string, string, LogLabels][] = [];
  const log: Log = {
    info: (message, labels = {}) => told.push(['info', message, labels]),
    warn: (message, labels = {}) => told.push(['warn', message, labels]),
  };

  it('name the volume, the blocks and the members', () => {
    told.length = 0;
    tellFinding(log, 'v', { kind: 'repaired', blocks: [3, 9], members: ['a', 'b'] });
    const [[level, message, labels] = ['', '', {}]] = told;
    assert.equal(level, 'warn');
    assert.match(message, /repaired/);
    assert.deepEqual(labels, { volume: 'v', blocks: '3 9', members: 'a b' });
  });

  it('say what a pass found and how long it took', () => {
    told.length = 0;
    const counts = { repairedBlocks: 2, differedBlocks: 1, lostBlocks: 4 };
    const times = { tookMs: 3 * 24 * 3_600_000, passes: 1, lastPassEndedAtMs: 5 };
    tellFinding(log, 'v', { kind: 'pass', ...times, ...counts });
    const labels = { volume: 'v', tookHours: 72, repaired: 2, differed: 1, lost: 4 };
    assert.deepEqual(told, [['info', 'scrub ended a pass', labels]]);
  });
});

describe('verdict of a scrub', () => {
  const digests = (value: number) =>
    digestBlocks(new Uint8Array(blockBytes).fill(value), blockBytes);
  const unreadable = () => {
    const bytes = digests(1);
    markUnreadable(bytes, 0);
    return bytes;
  };

  it('finds nothing when all are equal, zeroes too', () => {
    assert.deepEqual(verdicts([digests(1), digests(1)]), []);
    assert.deepEqual(verdicts([digests(0), digests(0)]), []);
    assert.deepEqual(verdicts([digests(1)]), []);
  });

  it('takes the first of the record when one stands against one', () => {
    const [verdict] = verdicts([digests(1), digests(2)]);
    assert.deepEqual(verdict, { index: 0, right: [0], wrong: [1], differ: true });
  });

  it('takes what most say when two stand against one', () => {
    const [verdict] = verdicts([digests(1), digests(2), digests(2)]);
    assert.deepEqual(verdict, { index: 0, right: [1, 2], wrong: [0], differ: true });
  });

  it('never takes what cannot be read, however many copies agree on that', () => {
    const [verdict] = verdicts([unreadable(), unreadable(), digests(0)]);
    assert.deepEqual(verdict, { index: 0, right: [2], wrong: [0, 1], differ: false });
    const [lost] = verdicts([unreadable(), unreadable()]);
    assert.deepEqual(lost, { index: 0, right: [], wrong: [0, 1], differ: false });
  });
});
