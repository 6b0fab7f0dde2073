/** Members that come and go while the volume is served, in the order of events that is rare. */
import assert from 'node:assert/strict';
import { digestBytes } from '../../../../dataplane/base/digest.ts';
import { Engine } from '../../../../dataplane/volume/engine.ts';
import type { EngineCommand, EngineEvent } from '../../../../dataplane/volume/engine-events.ts';
import type { MemberReply, MemberRequest, Welcome } from '../../../../dataplane/volume/member.ts';
import {
  firstRecord,
  type MemberRecord,
  type VolumeRecord,
} from '../../../../dataplane/volume/record.ts';

type Sent = Extract<EngineCommand, { kind: 'send' }>;

const times = {
  leaseMs: 300,
  heartbeatMs: 50,
  memberLossMs: 200,
  retryMs: 20,
  quietFlushMs: 3_600_000,
  growMs: 3_600_000,
  scrubPassMs: 3_600_000_000,
};

const span = { offsetBytes: 0, lengthBytes: 4096 };

function recordOf(...ids: readonly string[]): VolumeRecord {
  return firstRecord(
    { volume: 'v', lineage: 'first', sizeBytes: 16384, blockBytes: 4096, regionBlocks: 4 },
    ids.map((id) => ({ id, address: id })),
  );
}

/** An engine among members and a manager that answer at once, unless they are told to wait. */
class Shelf {
  readonly engine = new Engine({ ...times, incarnation: 'me', preferred: 'b', plants: {} });
  record: VolumeRecord;
  version = 1;
  /** What is not answered by itself. */
  held: (command: EngineCommand) => boolean = () => false;
  readonly waiting: EngineCommand[] = [];
  readonly commands: EngineCommand[] = [];
  /** Reads of the record that show what was there before. */
  staleReads: { readonly version: string; readonly record: VolumeRecord }[] = [];
  readonly away = new Set<string>();
  /** Members that they keep track of from before. */
  absences: readonly { readonly member: string; readonly generation: number }[] = [];
  /** What all members were last told to be. */
  #age = 0;
  nowMs = 0;
  #done = 0;

  constructor(record: VolumeRecord) {
    this.record = record;
  }

  open(): this {
    this.tell({ kind: 'start' });
    this.pass(400);
    assert.ok(this.engine.serving, this.engine.reason);
    return this;
  }

  get sent(): readonly Sent[] {
    return this.commands.filter((command) => command.kind === 'send');
  }

  tell(event: EngineEvent): void {
    this.commands.push(...this.engine.step(this.nowMs, event));
    for (; this.#done < this.commands.length; ) {
      const command = this.commands[this.#done++];
      if (command === undefined) continue;
      if (this.held(command)) this.waiting.push(command);
      else this.answer(command);
    }
  }

  /** Lets time pass. */
  pass(forMs: number): void {
    const endMs = this.nowMs + forMs;
    while (this.engine.wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.engine.wakeAtMs);
      this.tell({ kind: 'wake' });
    }
    this.nowMs = endMs;
  }

  /** Somebody beside the engine writes the record. */
  edit(change: Partial<VolumeRecord>): void {
    this.record = { ...this.record, ...change };
    this.version += 1;
  }

  loses(member: string): void {
    this.away.add(member);
    this.tell({ kind: 'disconnected', member, why: 'gone' });
  }

  answer(command: EngineCommand): void {
    if (command.kind === 'read-record') {
      const found = { version: String(this.version), record: this.record };
      const outcome = { kind: 'record', ...(this.staleReads.shift() ?? found) } as const;
      this.tell({ kind: 'record-read', outcome });
    } else if (command.kind === 'swap') {
      const arrives = command.expected === String(this.version);
      if (arrives) this.edit(command.next);
      const written = { kind: 'written', version: String(this.version) } as const;
      this.tell({ kind: 'swapped', outcome: arrives ? written : { kind: 'conflict' } });
    } else if (command.kind === 'connect') {
      this.#connect(command.member);
    } else if (command.kind === 'send' && !this.away.has(command.member)) {
      const { member, id, request } = command;
      this.tell({ kind: 'reply', member, id, reply: this.#reply(request) });
    }
  }

  #connect(member: string): void {
    if (this.away.has(member)) {
      this.tell({ kind: 'disconnected', member, why: 'refused' });
      return;
    }
    const { volume, lineage } = this.record;
    const welcome: Welcome = {
      volume,
      lineage,
      member,
      incarnation: `process of ${member}`,
      promisedEpoch: 0,
      standing: 'in-sync',
      proven: true,
    };
    this.tell({ kind: 'connected', member, welcome });
  }

  #reply(request: MemberRequest): MemberReply {
    const { sizeBytes, snapshots, blockBytes } = this.record;
    if (request.kind === 'promise') {
      const { absences } = this;
      const held = { dirty: new Uint8Array(1), absences, sizeBytes, snapshots };
      const report = { standing: 'in-sync', proven: true, age: this.#age, peerAge: 0, ...held };
      return { kind: 'promised', report: { ...report, standing: 'in-sync' } };
    }
    if (request.kind === 'grow') this.#age = request.age;
    if (request.kind === 'changed') return { kind: 'changed', regions: Uint8Array.of(0) };
    if (request.kind === 'read') {
      return { kind: 'data', bytes: new Uint8Array(request.span.lengthBytes) };
    }
    if (request.kind === 'digest') {
      const blocks = request.span.lengthBytes / blockBytes;
      return { kind: 'digests', bytes: new Uint8Array(blocks * digestBytes) };
    }
    return { kind: 'done' };
  }
}

const isInSync = ({ inSync }: MemberRecord) => inSync;
const isSwap = (command: EngineCommand) => command.kind === 'swap';

describe('membership', () => {
  it('I-03 reads from nobody who is being taken out of the record, though it came back', () => {
    const shelf = new Shelf(recordOf('a', 'b')).open();
    shelf.held = isSwap;
    shelf.loses('b');
    shelf.pass(500);
    // It may have come about, and with it another engine that serves without b.
    assert.equal(shelf.waiting.length, 1);
    shelf.away.clear();
    shelf.pass(100);
    const before = shelf.commands.length;
    shelf.tell({ kind: 'request', id: 1, request: { kind: 'read', span } });
    const asked = shelf.sent.filter((sent) => sent.request.kind === 'read');
    assert.ok(shelf.commands.length > before);
    assert.deepEqual(
      asked.map(({ member }) => member),
      ['a'],
    );
  });

  it('I-08 counts a member in when the answer was lost and somebody else wrote after it', () => {
    const [a, b] = recordOf('a', 'b').members;
    assert.ok(a !== undefined && b !== undefined);
    const shelf = new Shelf({ ...recordOf('a'), members: [a, { ...b, inSync: false }] });
    shelf.held = (command) => command.kind === 'swap' && command.next.members.every(isInSync);
    shelf.open();
    const [swap] = shelf.waiting;
    assert.ok(swap?.kind === 'swap');
    shelf.edit(swap.next);
    const [first] = swap.next.members;
    assert.ok(first !== undefined);
    shelf.edit({
      members: [
        { ...first, address: 'elsewhere' },
        { ...b, inSync: true },
      ],
    });
    shelf.tell({ kind: 'swapped', outcome: { kind: 'unknown' } });
    shelf.pass(500);
    assert.equal(shelf.engine.record?.members.every(isInSync), true);
    assert.ok(shelf.engine.serving);
    const settled = shelf.sent.filter(
      ({ member, request }) => member === 'b' && request.kind === 'become',
    );
    assert.deepEqual(settled.at(-1)?.request, {
      kind: 'become',
      epoch: 1,
      standing: 'in-sync',
      proven: true,
    });
  });

  it('I-23 does not take what was there before for the swap that it asked for', () => {
    const shelf = new Shelf(recordOf('a')).open();
    const before = { version: String(shelf.version), record: shelf.record };
    shelf.tell({ kind: 'cut', id: 1, request: { kind: 'snapshot', name: 's' } });
    assert.deepEqual(shelf.record.snapshots, ['s']);
    // Somebody writes, so that giving up meets a conflict, and the manager shows an old record.
    shelf.edit({});
    shelf.staleReads = [before];
    shelf.tell({ kind: 'cut', id: 2, request: { kind: 'forget', name: 's' } });
    shelf.pass(500);
    const forgot = shelf.sent.some(({ request }) => request.kind === 'forget');
    assert.ok(forgot);
    assert.deepEqual(shelf.record.snapshots, []);
  });

  it('names a snapshot once when the answer was lost and somebody else wrote after it', () => {
    const shelf = new Shelf(recordOf('a')).open();
    shelf.held = isSwap;
    shelf.tell({ kind: 'cut', id: 1, request: { kind: 'snapshot', name: 's' } });
    const [swap] = shelf.waiting;
    assert.ok(swap?.kind === 'swap');
    shelf.edit(swap.next);
    shelf.edit({ generation: swap.next.generation + 1 });
    shelf.held = () => false;
    shelf.tell({ kind: 'swapped', outcome: { kind: 'unknown' } });
    shelf.pass(500);
    assert.deepEqual(shelf.record.snapshots, ['s']);
  });

  it('reads the record once more after a hint, in case an older one was shown', () => {
    const shelf = new Shelf(recordOf('a', 'b')).open();
    const [a, b] = shelf.record.members;
    assert.ok(a !== undefined && b !== undefined);
    shelf.staleReads = [{ version: String(shelf.version), record: shelf.record }];
    shelf.edit({ members: [{ ...a, retiring: true }, b] });
    shelf.tell({ kind: 'record-hint' });
    shelf.pass(1000);
    assert.equal(shelf.record.members[0]?.inSync, true);
    shelf.pass(5000);
    assert.equal(shelf.record.members[0]?.inSync, false);
  });

  it('I-22 has members forget whom the record does not name before they track others', () => {
    const shelf = new Shelf({
      ...recordOf('a'),
      generation: 2,
      members: [...recordOf('a').members, { id: 'c', address: 'c', inSync: false, departedAt: 2 }],
    });
    shelf.absences = [{ member: 'gone', generation: 1 }];
    shelf.away.add('c');
    shelf.open();
    const kinds = shelf.sent.map(({ request }) => request.kind);
    const forgets = shelf.sent.findIndex(
      ({ request }) => request.kind === 'untrack' && request.member === 'gone',
    );
    assert.ok(forgets !== -1 && forgets < kinds.indexOf('track'), kinds.join());
  });

  it('I-22 asks again to forget whom the record does not name when a member was away just then', () => {
    const shelf = new Shelf(recordOf('a', 'b')).open();
    const c = { id: 'c', address: 'c', inSync: false, departedAt: 0 };
    shelf.away.add('c');
    shelf.edit({ members: [...shelf.record.members, c] });
    shelf.tell({ kind: 'record-hint' });
    shelf.pass(100);
    shelf.loses('b');
    shelf.edit({ members: shelf.record.members.filter(({ id }) => id !== 'c') });
    shelf.tell({ kind: 'record-hint' });
    shelf.away.delete('b');
    shelf.pass(100);
    const told = shelf.sent.filter(({ request }) => request.kind === 'untrack');
    assert.deepEqual(told.map(({ member }) => member).sort(), ['a', 'b']);
  });

  it('I-02 asks nobody to promise an epoch before the record says whose it is', () => {
    const shelf = new Shelf(recordOf('a', 'b'));
    shelf.held = (command) =>
      (command.kind === 'connect' && command.member === 'b') ||
      (command.kind === 'send' && command.request.kind === 'grow') ||
      (command.kind === 'swap' && command.next.epoch === 2);
    shelf.tell({ kind: 'start' });
    shelf.pass(300);
    // Lost in the middle of the opening: the next epoch is claimed, while b is on its way.
    shelf.loses('a');
    assert.equal(shelf.waiting.at(-1)?.kind, 'swap');
    const connecting = shelf.waiting.find(({ kind }) => kind === 'connect');
    assert.ok(connecting !== undefined);
    shelf.answer(connecting);
    const promises = shelf.sent.flatMap(({ member, request }) =>
      request.kind === 'promise' ? [`${member} ${request.epoch}`] : [],
    );
    assert.deepEqual(promises, ['a 1', 'b 1']);
  });
});
