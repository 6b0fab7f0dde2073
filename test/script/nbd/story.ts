/**
 * Tells what an NBD server does with a client, as text: command lines of a client in, the server's
 * answers and what it asked of the block service out. Commands:
 *
 *   server [tls-optional|tls-required] [read-only] [dirty] [size=BYTES]   a new server and client
 *   flags NUMBER                                     the client's handshake flags
 *   option NAME [export=TEXT] [facts=N,N] [query=TEXT,TEXT] [junk=COUNT]
 *   COMMAND at=BYTES length=BYTES [fill=BYTE] [flags=fua,noHole,…]        a request
 *   fail KIND / heal                                 the service fails requests of that kind
 *   hold / release                                   the service answers nothing for a while
 *   stop                                             the server begins to end
 *   hex BYTES                                        whatever one likes
 */
import { Buffer } from 'node:buffer';
import { NbdConnection, type NbdEnding } from '../../../dataplane/drive/nbd-connection.ts';
import { NbdExport, NbdExports } from '../../../dataplane/drive/nbd-export.ts';
import {
  encodeContextQuery,
  encodeInfoQuery,
  encodeOption,
} from '../../../dataplane/nbd/option-codec.ts';
import { encodeRequest } from '../../../dataplane/nbd/request.ts';
import type { HandshakeSecurity } from '../../../dataplane/nbd/server-handshake.ts';
import { command, commandFlag, option } from '../../../dataplane/nbd/wire.ts';
import type { Clock } from '../../../dataplane/ports/clock.ts';
import type { DirtyMap } from '../../../dataplane/ports/dirty-map.ts';
import { linkPair, type MemoryLink, settle } from '../../support/nbd/link-pair.ts';
import { ioFailure, MemoryBlocks } from '../../support/nbd/memory-blocks.ts';
import { ReplyReader } from './reply-reader.ts';

/** Nothing in these stories waits for time to pass. */
const stoppedClock: Clock = {
  nowMs: () => 0,
  after: () => ({ [Symbol.dispose]: () => {} }),
};

/** The second block has changed, the rest has not. */
const secondBlockDirty: DirtyMap = {
  dirtyStatus: ({ offsetBytes, lengthBytes }) => {
    const extents = Array.from({ length: lengthBytes / 4096 }, (_, index) => ({
      lengthBytes: 4096,
      dirty: offsetBytes + index * 4096 === 4096,
    }));
    return Promise.resolve({ kind: 'extents', extents });
  },
};

export class Story {
  #blocks = new MemoryBlocks(0);
  #link: MemoryLink = linkPair().client;
  #connection: NbdConnection | undefined;
  #ending: NbdEnding | undefined;
  #replies = new ReplyReader();
  #gate = Promise.withResolvers<void>();
  #cookie = 0;
  #seenCalls = 0;

  /** Carries out one command line; gives the lines that follow from it. */
  async run(line: string): Promise<string[]> {
    const [verb = '', ...rest] = line.split(' ');
    const words = new Words(rest);
    await this.#perform(verb, words);
    await settle();
    return this.#observe();
  }

  async #perform(verb: string, words: Words): Promise<void> {
    switch (verb) {
      case 'server':
        return this.#begin(words);
      case 'flags':
        return this.#send(uint32(Number(words.first)));
      case 'option':
        return this.#option(words);
      case 'fail':
        this.#blocks.failure = (kind, range) =>
          kind === words.first ? ioFailure(`${kind} at ${range.offsetBytes} failed`) : undefined;
        return;
      case 'heal':
        this.#blocks.failure = () => undefined;
        return;
      case 'hold':
        this.#gate = Promise.withResolvers();
        this.#blocks.gate = this.#gate.promise;
        return;
      case 'release':
        this.#blocks.gate = undefined;
        return this.#gate.resolve();
      case 'stop':
        return this.#connection?.stop();
      case 'hex':
        return this.#send(Buffer.from(words.first, 'hex'));
      default:
        return this.#request(verb, words);
    }
  }

  #begin(words: Words): void {
    const security: HandshakeSecurity = words.has('tls-required')
      ? 'tls-required'
      : words.has('tls-optional')
        ? 'tls-optional'
        : 'plain';
    const readOnly = words.has('read-only');
    this.#blocks = new MemoryBlocks(words.number('size', 65_536), { readOnly, recording: true });
    const disk = new NbdExport({
      name: 'disk',
      description: 'a disk',
      blocks: this.#blocks,
      ...(words.has('dirty') ? { dirty: secondBlockDirty } : {}),
    });
    const { client, server } = linkPair();
    const ports = { clock: stoppedClock, link: server, exports: new NbdExports([disk]) };
    this.#link = client;
    this.#connection = new NbdConnection(ports, security);
    this.#replies = new ReplyReader();
    this.#ending = undefined;
    this.#cookie = 0;
    this.#seenCalls = 0;
    void this.#connection.run().then((ending) => {
      this.#ending = ending;
    });
  }

  async #option(words: Words): Promise<void> {
    const code: number = option[words.first as keyof typeof option] ?? Number(words.first);
    const exportName = words.text('export', '');
    const queries = words.list('query');
    const data = ((): Uint8Array => {
      if (words.text('junk', '') !== '') return Buffer.alloc(words.number('junk', 0), 0x6a);
      switch (code) {
        case option.go:
        case option.info:
          return encodeInfoQuery({ exportName, facts: words.list('facts').map(Number) });
        case option.setMetaContext:
        case option.listMetaContext:
          return encodeContextQuery({ exportName, queries });
        case option.exportName:
          return Buffer.from(exportName);
        default:
          return new Uint8Array(0);
      }
    })();
    if (code === option.exportName) this.#replies.expectExport();
    await this.#send(encodeOption(code, data));
  }

  async #request(name: string, words: Words): Promise<void> {
    const code = command[name as keyof typeof command] ?? Number(name);
    const lengthBytes = words.number('length', 0);
    const flags = words
      .list('flags')
      .reduce(
        (sum, flag) => sum | (commandFlag[flag as keyof typeof commandFlag] ?? Number(flag)),
        0,
      );
    this.#cookie += 1;
    const { offsetBytes, cookieLow } = {
      offsetBytes: words.number('at', 0),
      cookieLow: this.#cookie,
    };
    const request = { code, flags, cookieHigh: 0, cookieLow, offsetBytes, lengthBytes };
    if (code === command.read) this.#replies.expectData(this.#cookie, lengthBytes);
    const carries = code === command.write;
    const payload = Buffer.alloc(carries ? lengthBytes : 0, words.number('fill', 0));
    await this.#send(Buffer.concat([encodeRequest(request), payload]));
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (!this.#link.closed) await this.#link.write([bytes]);
  }

  #observe(): string[] {
    const calls = this.#blocks.calls ?? [];
    const lines = calls.slice(this.#seenCalls).map((call) => `service: ${call}`);
    this.#seenCalls = calls.length;
    lines.push(...this.#replies.push(this.#link.readAll()).map((reply) => `server: ${reply}`));
    const ending = this.#ending;
    if (ending !== undefined && this.#link.closed) {
      lines.push(`closed (${ending.kind}): ${ending.message}`);
      this.#ending = undefined;
    }
    return lines.length === 0 ? ['nothing'] : lines;
  }
}

/** The words of a command line: bare ones, and key=value. */
class Words {
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get first(): string {
    return this.#words[0] ?? '';
  }

  has(word: string): boolean {
    return this.#words.includes(word);
  }

  text(key: string, fallback: string): string {
    const found = this.#words.find((word) => word.startsWith(`${key}=`));
    return found === undefined ? fallback : found.slice(key.length + 1);
  }

  number(key: string, fallback: number): number {
    return Number(this.text(key, String(fallback)));
  }

  list(key: string): string[] {
    return this.text(key, '')
      .split(',')
      .filter((word) => word !== '');
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
