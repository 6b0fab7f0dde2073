/** When an engine asks its members whether they are there. */
import assert from 'node:assert/strict';
import { Engine } from '../../../../dataplane/volume/engine.ts';
import type { EngineCommand, EngineEvent } from '../../../../dataplane/volume/engine-events.ts';
import type { MemberReply, MemberRequest } from '../../../../dataplane/volume/member.ts';
import { firstRecord } from '../../../../dataplane/volume/record.ts';

const heartbeatMs = 50;
const memberLossMs = 200;
const members = ['a', 'b'];
const sizeBytes = 16_384;

/** A volume whose members answer at once whatever they are asked, until they are silent. */
class Volume {
  readonly engine = new Engine({
    leaseMs: 300,
    heartbeatMs,
    memberLossMs,
    retryMs: 20,
    quietFlushMs: 10_000,
    scrubPassMs: 3_600_000,
    incarnation: 'me',
    preferred: '',
    plants: {},
  });
  readonly beats: { readonly atMs: number; readonly member: string }[] = [];
  silent = '';
  hungUpAtMs = 0;
  #nowMs = 7;
  #version = 1;
  #record = firstRecord(
    { volume: 'v', lineage: 'l', sizeBytes, blockBytes: 4096, regionBlocks: 4 },
    members.map((id) => ({ id, address: id })),
  );

  get nowMs(): number {
    return this.#nowMs;
  }

  tell(event: EngineEvent): void {
    const events = [event];
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      const commands = this.engine.step(this.#nowMs, next);
      events.push(...commands.flatMap((command) => this.#follow(command)));
    }
  }

  /** Lets time pass, with a wake whenever the engine asked for one. */
  pass(forMs: number): void {
    const endMs = this.#nowMs + forMs;
    while (this.engine.wakeAtMs <= endMs) {
      this.#nowMs = Math.max(this.#nowMs, this.engine.wakeAtMs);
      this.tell({ kind: 'wake' });
    }
    this.#nowMs = endMs;
  }

  beatsOf(member: string): readonly number[] {
    return this.beats.filter((beat) => beat.member === member).map(({ atMs }) => atMs);
  }

  #follow(command: EngineCommand): EngineEvent[] {
    const version = String(this.#version);
    switch (command.kind) {
      case 'read-record':
        return [
          { kind: 'record-read', outcome: { kind: 'record', version, record: this.#record } },
        ];
      case 'swap':
        this.#record = command.next;
        this.#version += 1;
        return [{ kind: 'swapped', outcome: { kind: 'written', version: String(this.#version) } }];
      case 'connect':
        return [this.#welcome(command.member)];
      case 'disconnect':
        this.hungUpAtMs = this.#nowMs;
        return [];
      case 'send': {
        const { member, id, request } = command;
        if (request.kind === 'heartbeat') this.beats.push({ atMs: this.#nowMs, member });
        if (member === this.silent) return [];
        return [{ kind: 'reply', member, id, reply: replyTo(request) }];
      }
      default:
        return [];
    }
  }

  #welcome(member: string): EngineEvent {
    const told = { volume: 'v', lineage: 'l', member, incarnation: member, promisedEpoch: 0 };
    const welcome = { ...told, standing: 'in-sync', proven: true } as const;
    return { kind: 'connected', member, welcome };
  }
}

function replyTo(request: MemberRequest): MemberReply {
  if (request.kind !== 'promise') return { kind: 'done' };
  const dirty = new Uint8Array(1);
  const stands = { standing: 'in-sync', proven: true, dirty, absences: [], snapshots: [] } as const;
  return { kind: 'promised', report: { ...stands, sizeBytes } };
}

describe('heartbeat', () => {
  let volume: Volume;
  let nextId = 1;

  beforeEach(() => {
    volume = new Volume();
    volume.tell({ kind: 'start' });
    volume.pass(500);
    assert.ok(volume.engine.serving, volume.engine.reason);
    volume.beats.splice(0);
  });

  function flush(): void {
    volume.tell({ kind: 'request', id: nextId++, request: { kind: 'flush' } });
  }

  it('comes at the same moments for every member', () => {
    volume.pass(1000);
    assert.deepEqual(volume.beatsOf('a'), volume.beatsOf('b'));
    assert.ok(volume.beats.every(({ atMs }) => atMs % heartbeatMs === 0));
  });

  it('is rarer while nobody asks for anything, and never as rare as the lease is long', () => {
    volume.pass(3000);
    const beats = volume.beatsOf('a');
    assert.ok(beats.length > 3000 / 300 && beats.length <= 3000 / (2 * heartbeatMs));
  });

  it('comes with every beat while somebody works', () => {
    for (let passed = 0; passed < 3000; passed += 10) {
      flush();
      volume.pass(10);
    }
    assert.ok(volume.beatsOf('a').length >= 3000 / heartbeatMs - 2);
  });

  it('misses a silent member as soon after a rest as without one', () => {
    volume.pass(1000);
    const restedMs = volume.nowMs - (volume.beatsOf('b').at(-1) ?? 0);
    volume.pass(2 * heartbeatMs - restedMs + 1);
    volume.silent = 'b';
    flush();
    const askedAtMs = volume.nowMs;
    volume.pass(memberLossMs + heartbeatMs);
    assert.ok(volume.hungUpAtMs >= askedAtMs, 'the member was let go');
    assert.ok(volume.hungUpAtMs <= askedAtMs + memberLossMs + 1, `${volume.hungUpAtMs}`);
  });
});
