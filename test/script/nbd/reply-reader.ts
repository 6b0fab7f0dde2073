/**
 * Turns a server's bytes into lines of text. It decodes with Node's Buffer methods and not with the
 * code under test, so that a mistake in that code shows.
 */
import { Buffer } from 'node:buffer';
import { chunkType, errno, info, option, optionReply, transmissionFlag } from './names.ts';

export class ReplyReader {
  #bytes = Buffer.alloc(0);
  #phase: 'greeting' | 'options' | 'export' | 'transmission' = 'greeting';
  readonly #readLengths = new Map<number, number>();

  /** The next thing to come is the answer to EXPORT_NAME. */
  expectExport(): void {
    this.#phase = 'export';
  }

  expectData(cookie: number, lengthBytes: number): void {
    this.#readLengths.set(cookie, lengthBytes);
  }

  push(bytes: Buffer): string[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const lines: string[] = [];
    while (this.#bytes.length > 0) lines.push(this.#next());
    return lines;
  }

  #next(): string {
    switch (this.#phase) {
      case 'greeting':
        return this.#greeting();
      case 'options':
        return this.#optionReply();
      case 'export':
        return this.#export();
      case 'transmission':
        return this.#bytes.readUInt32BE(0) === 0x67446698 ? this.#simple() : this.#chunk();
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    if (taken.length < count)
      throw new Error(`the server's answer ends after ${taken.length} bytes`);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  #greeting(): string {
    const bytes = this.#take(18);
    this.#phase = 'options';
    return `greeting ${bytes.toString('latin1', 0, 16)} flags=${bytes.readUInt16BE(16)}`;
  }

  #optionReply(): string {
    const header = this.#take(20);
    if (header.readBigUInt64BE(0) !== 0x3e889045565a9n) throw new Error('no option reply');
    const code = header.readUInt32BE(8);
    const type = header.readUInt32BE(12);
    const data = this.#take(header.readUInt32BE(16));
    if (type === 1 && code === 7) this.#phase = 'transmission';
    const name = nameOf(option, code);
    const detail = optionDetail(type, data);
    return `${name} ${nameOf(optionReply, type)}${detail === '' ? '' : ` ${detail}`}`;
  }

  #export(): string {
    const bytes = this.#bytes.length >= 134 ? this.#take(134) : this.#take(10);
    this.#phase = 'transmission';
    const size = bytes.readBigUInt64BE(0);
    const padding = bytes.length - 10;
    return `export size=${size} flags=${flagNames(bytes.readUInt16BE(8))} padding=${padding}`;
  }

  #simple(): string {
    const header = this.#take(16);
    const error = header.readUInt32BE(4);
    const cookie = Number(header.readBigUInt64BE(8));
    const length = this.#readLengths.get(cookie);
    const data = error === 0 && length !== undefined ? ` ${contents(this.#take(length))}` : '';
    return `reply to ${cookie}: ${error === 0 ? 'ok' : nameOf(errno, error)}${data}`;
  }

  #chunk(): string {
    const header = this.#take(20);
    if (header.readUInt32BE(0) !== 0x668e33ef) throw new Error('neither reply nor chunk');
    const type = header.readUInt16BE(6);
    const cookie = Number(header.readBigUInt64BE(8));
    const body = this.#take(header.readUInt32BE(16));
    const last = (header.readUInt16BE(4) & 1) === 1 ? ', last' : '';
    return `chunk for ${cookie}${last}: ${nameOf(chunkType, type)} ${chunkDetail(type, body)}`;
  }
}

function optionDetail(type: number, data: Buffer): string {
  if (type >= 0x8000_0000) return `"${data.toString()}"`;
  switch (type) {
    case 2: {
      const end = 4 + data.readUInt32BE(0);
      return `"${data.toString('utf8', 4, end)}" "${data.toString('utf8', end)}"`;
    }
    case 3:
      return infoDetail(data);
    case 4:
      return `${data.readUInt32BE(0)} "${data.toString('utf8', 4)}"`;
    default:
      return data.toString('hex');
  }
}

function infoDetail(data: Buffer): string {
  const type = data.readUInt16BE(0);
  const name = nameOf(info, type);
  if (type === 0) {
    return `${name} size=${data.readBigUInt64BE(2)} flags=${flagNames(data.readUInt16BE(10))}`;
  }
  if (type === 3) {
    const [least, preferred, most] = [2, 6, 10].map((at) => data.readUInt32BE(at));
    return `${name} minimum=${least} preferred=${preferred} maximum=${most}`;
  }
  return `${name} "${data.toString('utf8', 2)}"`;
}

function chunkDetail(type: number, body: Buffer): string {
  switch (type) {
    case 1:
      return `at=${body.readBigUInt64BE(0)} ${contents(body.subarray(8))}`;
    case 2:
      return `at=${body.readBigUInt64BE(0)} length=${body.readUInt32BE(8)}`;
    case 5: {
      const runs: string[] = [];
      for (let at = 4; at < body.length; at += 8) {
        runs.push(`${body.readUInt32BE(at)}:${body.readUInt32BE(at + 4)}`);
      }
      return `context=${body.readUInt32BE(0)} ${runs.join(' ')}`;
    }
    default: {
      const end = 6 + body.readUInt16BE(4);
      const where = body.length >= end + 8 ? ` at=${body.readBigUInt64BE(end)}` : '';
      const error = nameOf(errno, body.readUInt32BE(0));
      return `${error}${where} "${body.toString('utf8', 6, end)}"`;
    }
  }
}

/** Runs of equal bytes: `4096×07 1×00`. */
function contents(bytes: Buffer): string {
  const runs: string[] = [];
  let start = 0;
  for (let at = 1; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] === bytes[start]) continue;
    runs.push(`${at - start}×${bytes.toString('hex', start, start + 1)}`);
    start = at;
  }
  return runs.length === 0 ? 'no bytes' : runs.join(' ');
}

function flagNames(flags: number): string {
  const names = Object.entries(transmissionFlag).filter(([, bit]) => (flags & bit) !== 0);
  return names.map(([name]) => name).join(',');
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, number]) => number === value)?.[0] ?? String(value);
}
