/**
 * A client of the simulated volume: reads, writes, trims and flushes at random, and tells the
 * history what it asked and heard. Each block it writes carries who wrote it and where it belongs.
 */
import type { Prng } from '../../dataplane/base/prng.ts';
import type { EngineDrive } from '../../dataplane/drive/engine.ts';
import { type History, type Write, zeroValue } from './history.ts';
import type { World } from './world.ts';

export interface ClientOptions {
  readonly name: string;
  readonly blockBytes: number;
  readonly blockCount: number;
  /** Most of the work goes to so many blocks. */
  readonly hotBlocks: number;
  readonly thinkMs: number;
  readonly flushShare: number;
  /** It never writes, and never waits for one answer before it asks for the next. */
  readonly readsOnly: boolean;
  readonly nextValue: () => number;
}

/** What a block of `value` looks like. */
function stamp(value: number, block: number, blockBytes: number): Uint8Array {
  const bytes = new Uint8Array(blockBytes).fill((value * 31 + block) & 0xff);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, value);
  view.setUint32(4, block);
  return bytes;
}

/** The value of a block, or what is wrong with its bytes. */
export function valueOf(bytes: Uint8Array, block: number): number | string {
  if (bytes.every((byte) => byte === 0)) return zeroValue;
  const value = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const wanted = stamp(value, block, bytes.length);
  if (bytes.every((byte, index) => byte === wanted[index])) return value;
  return `bytes that nobody wrote (they begin with ${Buffer.from(bytes.subarray(0, 12)).toString('hex')})`;
}

const readsOpenMax = 20;

export class Client {
  readonly #world: World;
  readonly #history: History;
  readonly #engine: EngineDrive;
  readonly #options: ClientOptions;
  readonly #prng: Prng;
  #readsOpen = 0;
  stopped = false;
  /** It has come to the end of its work: nothing it asked is open. */
  finished = false;

  constructor(world: World, history: History, engine: EngineDrive, options: ClientOptions) {
    this.#world = world;
    this.#history = history;
    this.#engine = engine;
    this.#options = options;
    this.#prng = world.prng.fork(`client ${options.name}`);
  }

  /** Works until it is stopped or its engine ends. */
  async work(): Promise<void> {
    while (!this.stopped) {
      await this.#pause(this.#prng.fraction() * this.#options.thinkMs);
      if (this.stopped || this.#engine.fault !== undefined) break;
      const draw = this.#prng.fraction();
      const span = this.#span();
      if (this.#options.readsOnly) this.#readAside(span);
      else if (draw < this.#options.flushShare) await this.#flush();
      else if (draw < 0.45) await this.#read(span);
      else if (draw < 0.88) await this.#write(span, 'write');
      else await this.#write(span, draw < 0.95 ? 'trim' : 'zero');
    }
    while (this.#readsOpen > 0) await this.#pause(5);
    this.finished = true;
  }

  /** Does not wait for the answer: a read that stands behind a write does not hold up the next. */
  #readAside(span: { readonly first: number; readonly count: number }): void {
    if (this.#readsOpen >= readsOpenMax) return;
    this.#readsOpen += 1;
    void this.#read(span).then(() => {
      this.#readsOpen -= 1;
    });
  }

  /** Reads every block once. False: a read failed. */
  async readAll(): Promise<boolean> {
    for (let block = 0; block < this.#options.blockCount; block++) {
      if (!(await this.#read({ first: block, count: 1 }))) return false;
    }
    return true;
  }

  #span(): { readonly first: number; readonly count: number } {
    const { blockCount, hotBlocks } = this.#options;
    const reach = this.#prng.chance(0.8) ? hotBlocks : blockCount;
    const first = this.#prng.between(0, reach - 1);
    const count = this.#prng.chance(0.7)
      ? 1
      : this.#prng.between(1, Math.min(6, blockCount - first));
    return { first, count };
  }

  async #flush(): Promise<void> {
    const start = this.#history.tick();
    this.#world.note(`${this.#options.name} flush`);
    const outcome = await this.#engine.flush();
    this.#history.tick();
    if (outcome.kind !== 'done') return;
    this.#history.answered(this.#engine.epoch);
    this.#history.flushed(start, () => this.#engine.epoch);
    this.#world.note(`${this.#options.name} flushed`);
  }

  async #read(span: { readonly first: number; readonly count: number }): Promise<boolean> {
    const { blockBytes, name } = this.#options;
    const start = this.#history.tick();
    const outcome = await this.#engine.read({
      offsetBytes: span.first * blockBytes,
      lengthBytes: span.count * blockBytes,
    });
    const end = this.#history.tick();
    if (outcome.kind !== 'data') return false;
    this.#history.answered(this.#engine.epoch);
    for (let index = 0; index < span.count; index++) {
      const block = span.first + index;
      const bytes = outcome.bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
      const value = valueOf(bytes, block);
      if (typeof value === 'string') {
        this.#world.violate(`I-21 block ${block}, read by ${name}: ${value}`);
        return false;
      }
      this.#world.note(`${name} read block ${block} as ${value}`);
      this.#history.read(block, { value, start, end, by: name });
    }
    return true;
  }

  async #write(
    span: { readonly first: number; readonly count: number },
    kind: 'write' | 'zero' | 'trim',
  ): Promise<void> {
    const { blockBytes, name } = this.#options;
    const value = kind === 'write' ? this.#options.nextValue() : zeroValue;
    const bytes = new Uint8Array(span.count * blockBytes);
    const writes: Write[] = [];
    const fua = this.#prng.chance(0.1);
    const start = this.#history.tick();
    for (let index = 0; index < span.count; index++) {
      const block = span.first + index;
      if (kind === 'write') bytes.set(stamp(value, block, blockBytes), index * blockBytes);
      const epoch = () => this.#engine.epoch;
      const write: Write = { value, start, end: undefined, epoch, fua };
      writes.push(write);
      this.#history.write(block, write);
    }
    this.#world.note(`${name} ${kind} ${value} at ${span.first}+${span.count}`);
    const range = { offsetBytes: span.first * blockBytes, lengthBytes: bytes.length };
    const outcome = await (kind === 'write'
      ? this.#engine.write(range.offsetBytes, bytes, { fua })
      : kind === 'trim'
        ? this.#engine.trim(range, { fua })
        : this.#engine.zero(range, { fua, mayPunch: true }));
    const end = this.#history.tick();
    if (outcome.kind !== 'done') return;
    for (const write of writes) write.end = end;
    this.#history.answered(this.#engine.epoch);
    this.#world.note(`${name} ${kind} ${value} done`);
  }

  async #pause(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#world.after(forMs, resolve);
    });
  }
}
