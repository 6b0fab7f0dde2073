/** The engine's machine, step by step, where one case is told better than found. */
import assert from 'node:assert/strict';
import { digestBytes } from '../../../../dataplane/base/digest.ts';
import { Engine } from '../../../../dataplane/volume/engine.ts';
import type { EngineCommand, EngineEvent } from '../../../../dataplane/volume/engine-events.ts';
import type { MemberReply, MemberRequest, Welcome } from '../../../../dataplane/volume/member.ts';
import {
  firstRecord,
  type VolumeRecord,
  type VolumeWish,
} from '../../../../dataplane/volume/record.ts';

const times = {
  leaseMs: 300,
  heartbeatMs: 50,
  memberLossMs: 200,
  retryMs: 20,
  quietFlushMs: 1000,
  growMs: 1000,
  scrubPassMs: 3_600_000,
};

const record: VolumeRecord = {
  ...firstRecord(
    { volume: 'v', lineage: 'first', sizeBytes: 16384, blockBytes: 4096, regionBlocks: 4 },
    ['a', 'b'].map((id) => ({ id, address: id })),
  ),
  epoch: 3,
  writer: 'before',
};

const welcome = (member: string, differs: Partial<Welcome> = {}): Welcome => ({
  volume: 'v',
  lineage: 'first',
  member,
  incarnation: `process of ${member}`,
  promisedEpoch: 3,
  standing: 'in-sync',
  proven: true,
  ...differs,
});

/** Of a member that holds nothing but zeroes. */
function replyOf(
  member: string,
  request: MemberRequest,
  snapshots: readonly string[] = [],
): MemberReply {
  if (request.kind === 'promise') {
    const standing = member === 'a' ? 'in-sync' : 'new';
    const dirty = new Uint8Array(1);
    const { sizeBytes } = record;
    const report = {
      standing,
      proven: true,
      dirty,
      absences: [],
      age: 0,
      peerAge: 0,
      sizeBytes,
      snapshots,
    } as const;
    return { kind: 'promised', report };
  }
  if (request.kind === 'changed') return { kind: 'changed', regions: Uint8Array.of(1) };
  if (request.kind === 'read') {
    return { kind: 'data', bytes: new Uint8Array(request.span.lengthBytes) };
  }
  if (request.kind === 'digest') {
    const blocks = request.span.lengthBytes / record.blockBytes;
    return { kind: 'digests', bytes: new Uint8Array(blocks * digestBytes) };
  }
  return { kind: 'done' };
}

/** An engine and what it has asked for; everything takes a millisecond. */
class Story {
  readonly engine = new Engine({ ...times, incarnation: 'me', preferred: '', plants: {} });
  readonly commands: EngineCommand[] = [];
  #nowMs = 0;

  tell(event: EngineEvent, afterMs = 1): void {
    this.#nowMs += afterMs;
    this.commands.push(...this.engine.step(this.#nowMs, event));
  }

  find<K extends EngineCommand['kind']>(kind: K): Extract<EngineCommand, { kind: K }> | undefined {
    return this.commands.findLast(
      (command): command is Extract<EngineCommand, { kind: K }> => command.kind === kind,
    );
  }

  /** Up to the claim of epoch 4, with connections on their way. */
  claim(differs: Partial<VolumeRecord> = {}): void {
    const found = { ...record, ...differs };
    this.tell({ kind: 'start' });
    this.tell({ kind: 'record-read', outcome: { kind: 'record', version: '1', record: found } });
    this.tell({ kind: 'swapped', outcome: { kind: 'written', version: '2' } });
  }

  /**
   * Members answer whatever they are asked, until one is to be counted in: by then somebody else
   * has changed the record to `later`.
   */
  live(first: VolumeRecord, later?: VolumeRecord, wish?: VolumeWish): void {
    let now = first;
    let version = 1;
    this.tell({ kind: 'start' });
    for (let at = 0; at < this.commands.length && at < 500; at += 1) {
      const command = this.commands[at];
      if (command?.kind === 'read-record') {
        const found = { version: String(version), record: now };
        const outcome = {
          kind: 'record',
          ...found,
          ...(wish === undefined ? {} : { wish }),
        } as const;
        this.tell({ kind: 'record-read', outcome });
      } else if (command?.kind === 'swap') {
        const counts = later !== undefined && command.next.members.every(({ inSync }) => inSync);
        const { epoch, writer } = now;
        now = counts ? { ...later, epoch, writer } : command.next;
        version += 1;
        const written = { kind: 'written', version: String(version) } as const;
        this.tell({ kind: 'swapped', outcome: counts ? { kind: 'conflict' } : written });
        if (counts) this.tell({ kind: 'record-hint' });
      } else if (command?.kind === 'connect') {
        const { member } = command;
        const standing = member === 'a' ? 'in-sync' : 'new';
        this.tell({ kind: 'connected', member, welcome: welcome(member, { standing }) });
      } else if (command?.kind === 'send') {
        const { member, id, request } = command;
        this.tell({ kind: 'reply', member, id, reply: replyOf(member, request, first.snapshots) });
      }
      if (at === this.commands.length - 1) this.tell({ kind: 'wake' }, times.heartbeatMs);
    }
  }

  /** The record is read again and says this. */
  recordSays(differs: Partial<VolumeRecord>): void {
    const found = { ...record, epoch: 4, writer: 'me', ...differs };
    this.tell({
      kind: 'record-read',
      outcome: { kind: 'record', version: '3', record: found },
    });
  }
}

describe('engine', () => {
  let story: Story;

  beforeEach(() => {
    story = new Story();
    story.claim();
  });

  it('I-04 ends and says why when a member has promised an epoch that the record does not know', () => {
    story.tell({ kind: 'connected', member: 'a', welcome: welcome('a', { promisedEpoch: 9 }) });
    assert.equal(story.find('ended'), undefined, 'it looks at the record again first');
    assert.ok(story.find('read-record') !== undefined);
    story.recordSays({});
    const fault = story.find('ended')?.fault;
    assert.equal(fault?.code, 'cluster.rolled-back');
    assert.match(fault.message, /a has promised epoch 9; the record says 4/);
  });

  it('I-04 gives way when the record knows the later epoch', () => {
    story.tell({ kind: 'connected', member: 'a', welcome: welcome('a', { promisedEpoch: 9 }) });
    story.recordSays({ epoch: 9, writer: 'another' });
    assert.equal(story.find('ended')?.fault.code, 'volume.superseded');
  });

  it('I-04 does not take a store of another lineage for its member, and says so', () => {
    story.tell({ kind: 'connected', member: 'a', welcome: welcome('a', { lineage: 'second' }) });
    assert.equal(story.find('disconnect')?.member, 'a');
    story.tell({ kind: 'wake' }, times.memberLossMs);
    assert.match(
      story.engine.reason,
      /Waiting for a \(what answers there is v\/a of lineage second/,
    );
    assert.ok(!story.engine.serving);
  });

  it('I-02 ends and doubts the record when a member has promised the epoch to another engine', () => {
    story.tell({ kind: 'connected', member: 'a', welcome: welcome('a', { promisedEpoch: 4 }) });
    const asked = story.find('send');
    assert.deepEqual(asked?.request, { kind: 'promise', epoch: 4, writer: 'me' });
    const reply = { kind: 'stale', promisedEpoch: 4, promisedTo: 'another' } as const;
    story.tell({ kind: 'reply', member: 'a', id: asked.id, reply });
    const fault = story.find('ended')?.fault;
    assert.equal(fault?.code, 'cluster.rolled-back');
    assert.match(fault.message, /a has promised epoch 4 to another engine, another/);
    assert.equal(story.find('swap')?.next.doubt, fault.message);
  });

  it('I-04 neither claims nor opens a record that another engine doubted', () => {
    const next = new Story();
    next.tell({ kind: 'start' });
    const doubted = { ...record, doubt: 'a has promised epoch 9' };
    next.tell({ kind: 'record-read', outcome: { kind: 'record', version: '1', record: doubted } });
    assert.equal(next.find('ended')?.fault.code, 'cluster.rolled-back');
    assert.equal(next.find('ended')?.fault.message, 'a has promised epoch 9');
    assert.equal(next.find('swap'), undefined);
  });

  it('I-24 ends and says why when every disk is older than the record remembers', () => {
    const aged = new Story();
    aged.claim({ age: 7 });
    for (const member of ['a', 'b']) {
      aged.tell({ kind: 'connected', member, welcome: welcome(member) });
      const asked = aged.find('send');
      assert.ok(asked !== undefined);
      const reply = replyOf('a', asked.request);
      aged.tell({ kind: 'reply', member, id: asked.id, reply });
    }
    const fault = aged.find('ended')?.fault;
    assert.equal(fault?.code, 'volume.data-lost');
    assert.match(fault.message, /a has age 0, b has age 0; the record remembers 7/);
  });

  it('gives up a connection whose member does not promise', () => {
    story.tell({ kind: 'connected', member: 'a', welcome: welcome('a') });
    story.tell({ kind: 'wake' }, times.memberLossMs * 10);
    assert.ok(
      story.commands.some(({ kind, ...rest }) => kind === 'disconnect' && 'member' in rest),
      'the half-open connection is closed',
    );
    assert.match(story.engine.reason, /a \(it did not promise within 2000 ms\)/);
  });

  it('says who is missing, why, and what to do while it waits', () => {
    story.tell({ kind: 'disconnected', member: 'b', why: 'connect ECONNREFUSED' });
    story.tell({ kind: 'wake' }, times.memberLossMs);
    const { reason } = story.engine;
    assert.match(reason, /b \(connect ECONNREFUSED\)/);
    assert.match(reason, /Bring it back/);
  });

  it('ends at once when it is told to stop before it serves', () => {
    story.tell({ kind: 'stop' });
    assert.equal(story.find('ended')?.fault.code, 'volume.ending');
  });

  it('lets a member go that was taken out of the record just when it would have been counted in', () => {
    const [a] = record.members;
    assert.ok(a !== undefined);
    const b = { id: 'b', address: 'b', inSync: false, departedAt: 0 };
    const filling = new Story();
    filling.live({ ...record, members: [a, b] }, { ...record, members: [a] });
    assert.ok(filling.engine.serving);
    assert.equal(filling.find('ended'), undefined);
    assert.deepEqual(filling.engine.record?.members, [a]);
  });

  it('makes the volume as large as the record says it shall be, every member before the record', () => {
    const [a] = record.members;
    assert.ok(a !== undefined);
    const alone = { ...record, members: [a] };
    const growing = new Story();
    growing.live(alone, undefined, { sizeBytes: 32_768 });
    const at = (wanted: (command: EngineCommand) => boolean) => growing.commands.findIndex(wanted);
    const told = at(({ kind, ...rest }) => {
      const { request } = rest as { readonly request?: MemberRequest };
      return kind === 'send' && request?.kind === 'resize' && request.sizeBytes === 32_768;
    });
    const written = at((command) => command.kind === 'swap' && command.next.sizeBytes === 32_768);
    assert.ok(told !== -1 && written > told, `member ${told}, record ${written}`);
    assert.equal(growing.engine.record?.sizeBytes, 32_768);
  });

  it('leaves a volume alone that is wanted no larger than it is', () => {
    const [a] = record.members;
    assert.ok(a !== undefined);
    const alone = { ...record, members: [a] };
    const resting = new Story();
    resting.live(alone, undefined, { sizeBytes: 4096 });
    assert.ok(resting.engine.serving);
    assert.equal(resting.engine.record?.sizeBytes, record.sizeBytes);
  });

  it('makes the snapshots that shall be, gives up those that shall not, and leaves the others', () => {
    const [a] = record.members;
    assert.ok(a !== undefined);
    const alone = { ...record, members: [a], snapshots: ['kept', 'old'] };
    const cutting = new Story();
    const snapshots = ['new', 'both'];
    cutting.live(alone, undefined, { sizeBytes: 4096, snapshots, forgets: ['old', 'both'] });
    assert.deepEqual(cutting.engine.record?.snapshots, ['kept', 'new']);
  });
});
