/**
 * The client's half of the fixed newstyle handshake.
 *
 * Promises: asks for TLS first when it must, and goes no further without it (a server or someone in
 * between cannot talk it out of that); takes GO where the server knows it and EXPORT_NAME where
 * not; ends politely when all it wanted was information. Memory is bounded whatever the server
 * sends.
 * Never: awaits, or looks at a clock; its owner limits the time it may take.
 */
import { Buffer } from 'node:buffer';
import { assert } from '../base/assert.ts';
import { readU16, readU64, writeU32 } from '../base/big-endian.ts';
import { ByteQueue } from './byte-queue.ts';
import type { BlockSizes } from './export-info.ts';
import { nbdLimits } from './limits.ts';
import {
  decodeGreeting,
  decodeInfoFact,
  decodeListEntry,
  decodeMetaContext,
  decodeOptionReplyHeader,
  encodeContextQuery,
  encodeInfoQuery,
  encodeOption,
  type MetaContext,
} from './option-codec.ts';
import {
  greetingBytes,
  handshakeFlag,
  info,
  option,
  optionErrorBit,
  optionName,
  optionReply,
  optionReplyHeaderBytes,
} from './wire.ts';

export interface ClientWishes {
  /** `transmit` goes on to reading and writing; the others end when the answer is there. */
  readonly goal: 'transmit' | 'describe' | 'list';
  readonly exportName: string;
  /** True: no word more than STARTTLS without TLS. */
  readonly tls: boolean;
  /** Ask for structured replies; a server without them is taken as it is. */
  readonly structured: boolean;
  /** Metadata contexts to select, by full name. Needs structured replies. */
  readonly contexts: readonly string[];
}

/** What the server said and what was agreed on. */
export interface ServerAgreement {
  readonly sizeBytes: number;
  /** Bits of `transmissionFlag`. */
  readonly flags: number;
  readonly blockSizes: BlockSizes;
  readonly description: string;
  readonly structured: boolean;
  readonly contexts: readonly MetaContext[];
}

export interface ListedExport {
  readonly name: string;
  readonly description: string;
}

export type ClientStep =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Upgrade the connection, then call `secured`. */
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'begin'; readonly agreement: ServerAgreement; readonly rest: Uint8Array }
  | { readonly kind: 'described'; readonly agreement: ServerAgreement }
  | { readonly kind: 'listed'; readonly exports: readonly ListedExport[] }
  /** The server refused or broke the protocol: close. */
  | { readonly kind: 'failed'; readonly message: string };

const nothing = new Uint8Array(0);
const knownFlags = handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes;
const paddingBytes = 124;
/** What the specification lets a client assume when the server says nothing. */
const defaultBlockSizes = { minimum: 1, preferred: 4096, maximum: nbdLimits.payloadBytesMax };
/** Exports one listing may hold before we stop believing it. */
const listedMax = 10_000;

export class ClientHandshake {
  readonly #wishes: ClientWishes;
  readonly #queue = new ByteQueue();
  #state: 'greeting' | 'header' | 'data' | 'export' | 'tls' | 'over' = 'greeting';
  /** What is still to be asked, in the only order that makes sense. */
  readonly #questions: number[];
  /** The option that is waiting for its last reply. */
  #asked = 0;
  #reply = { type: 0, lengthBytes: 0 };
  #padded = false;
  #structured = false;
  #contexts: MetaContext[] = [];
  #export: { sizeBytes: number; flags: number } | undefined;
  #blockSizes: BlockSizes = defaultBlockSizes;
  #description = '';
  #listed: ListedExport[] = [];
  #steps: ClientStep[] = [];

  constructor(wishes: ClientWishes) {
    this.#wishes = wishes;
    this.#questions = questionsOf(wishes);
  }

  push(bytes: Uint8Array): ClientStep[] {
    if (this.#state === 'over') return [];
    this.#queue.push(bytes);
    while (this.#advance());
    return this.#takeSteps();
  }

  /** The upgrade asked for by `start-tls` is done. */
  secured(): ClientStep[] {
    this.#askNext();
    return this.#takeSteps();
  }

  #takeSteps(): ClientStep[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  #advance(): boolean {
    switch (this.#state) {
      case 'greeting':
        return this.#takeGreeting();
      case 'header':
        return this.#takeHeader();
      case 'data':
        return this.#takeData();
      case 'export':
        return this.#takeExport();
      case 'tls':
      case 'over':
        return false;
    }
  }

  #takeGreeting(): boolean {
    const bytes = this.#queue.take(greetingBytes);
    if (bytes === undefined) return false;
    const flags = decodeGreeting(bytes);
    if (flags === undefined) return this.#fail('the other side is no newstyle NBD server');
    const ours = Buffer.alloc(4);
    writeU32(ours, 0, flags & knownFlags);
    this.#padded = (flags & handshakeFlag.noZeroes) === 0;
    this.#steps.push({ kind: 'send', bytes: ours });
    if ((flags & handshakeFlag.fixedNewstyle) !== 0) return this.#askNext();
    if (this.#wishes.tls || this.#wishes.goal !== 'transmit') {
      return this.#fail('the server is too old to be asked for anything but an export');
    }
    return this.#askForExportByName();
  }

  #askNext(): boolean {
    const next = this.#questions.shift();
    assert(next !== undefined, 'the last question ends the handshake');
    // Contexts need structured replies; a server without those has none to offer.
    if (next === option.setMetaContext && !this.#structured) return this.#askNext();
    return this.#ask(next, this.#dataOf(next));
  }

  #dataOf(code: number): Uint8Array {
    const { contexts, exportName } = this.#wishes;
    switch (code) {
      case option.setMetaContext:
        return encodeContextQuery({ exportName, queries: contexts });
      case option.go:
      case option.info:
        return encodeInfoQuery({ exportName, facts: [info.blockSize, info.description] });
      default:
        return nothing;
    }
  }

  #ask(code: number, data: Uint8Array): boolean {
    this.#asked = code;
    this.#steps.push({ kind: 'send', bytes: encodeOption(code, data) });
    this.#state = 'header';
    return true;
  }

  #askForExportByName(): boolean {
    this.#ask(option.exportName, Buffer.from(this.#wishes.exportName));
    this.#state = 'export';
    return true;
  }

  #takeHeader(): boolean {
    const bytes = this.#queue.take(optionReplyHeaderBytes);
    if (bytes === undefined) return false;
    const header = decodeOptionReplyHeader(bytes);
    if (header?.code !== this.#asked) return this.#fail('the server answered something else');
    if (header.lengthBytes > nbdLimits.optionBytesMax) {
      return this.#fail(`the server's answer of ${header.lengthBytes} bytes is too long`);
    }
    this.#reply = header;
    this.#state = 'data';
    return true;
  }

  #takeData(): boolean {
    const data = this.#queue.take(this.#reply.lengthBytes);
    if (data === undefined) return false;
    this.#state = 'header';
    const { type } = this.#reply;
    if (type >= optionErrorBit) return this.#refused(type, data);
    if (type === optionReply.acknowledged) return this.#acknowledged();
    return this.#detail(type, data);
  }

  #refused(type: number, data: Uint8Array): boolean {
    const optional = type === optionReply.errorUnsupported || type === optionReply.errorPolicy;
    switch (this.#asked) {
      case option.structuredReply:
      case option.setMetaContext:
        if (optional) return this.#askNext();
        break;
      case option.go:
        if (type === optionReply.errorUnsupported) return this.#askForExportByName();
        break;
      default:
        break;
    }
    const reason = Buffer.from(data).toString('utf8').slice(0, nbdLimits.stringBytesMax);
    const name = Object.entries(optionReply).find(([, value]) => value === type)?.[0];
    const words = reason === '' ? (name ?? `error ${type}`) : reason;
    return this.#fail(`the server refused ${optionName(this.#asked)}: ${words}`);
  }

  #acknowledged(): boolean {
    switch (this.#asked) {
      case option.startTls:
        if (this.#queue.lengthBytes > 0) return this.#fail('bytes in clear behind STARTTLS');
        this.#steps.push({ kind: 'start-tls' });
        this.#state = 'tls';
        return false;
      case option.structuredReply:
        this.#structured = true;
        return this.#askNext();
      case option.setMetaContext:
        return this.#askNext();
      case option.list:
        this.#leave({ kind: 'listed', exports: this.#listed });
        return false;
      default:
        return this.#agreed();
    }
  }

  #agreed(): boolean {
    const found = this.#export;
    if (found === undefined) return this.#fail('the server did not say how large the export is');
    const agreement: ServerAgreement = {
      ...found,
      blockSizes: this.#blockSizes,
      description: this.#description,
      structured: this.#structured,
      contexts: this.#contexts,
    };
    if (this.#wishes.goal !== 'transmit') {
      this.#leave({ kind: 'described', agreement });
      return false;
    }
    const rest = this.#queue.take(this.#queue.lengthBytes) ?? nothing;
    this.#steps.push({ kind: 'begin', agreement, rest });
    this.#state = 'over';
    return false;
  }

  #detail(type: number, data: Uint8Array): boolean {
    if (type === optionReply.info) return this.#fact(data);
    if (type === optionReply.server && this.#asked === option.list) {
      const entry = decodeListEntry(data);
      if (entry === undefined || this.#listed.length >= listedMax) {
        return this.#fail('the list of exports is malformed or endless');
      }
      this.#listed.push(entry);
      return true;
    }
    if (type === optionReply.metaContext && this.#asked === option.setMetaContext) {
      const context = decodeMetaContext(data);
      if (context === undefined || this.#contexts.length >= nbdLimits.contextsMax) {
        return this.#fail('the list of metadata contexts is malformed or endless');
      }
      this.#contexts.push(context);
      return true;
    }
    return this.#fail(`the server answered ${optionName(this.#asked)} with reply type ${type}`);
  }

  #fact(data: Uint8Array): boolean {
    const fact = decodeInfoFact(data);
    switch (fact?.kind) {
      case undefined:
        return this.#fail('a fact about the export is malformed');
      case 'export':
        this.#export = { sizeBytes: fact.sizeBytes, flags: fact.flags };
        return true;
      case 'block-sizes':
        this.#blockSizes = fact.sizes;
        return true;
      case 'description':
        this.#description = fact.text;
        return true;
      case 'name':
      case 'unknown':
        return true;
    }
  }

  /** The answer to EXPORT_NAME: size and flags without any header, or a closed connection. */
  #takeExport(): boolean {
    const bytes = this.#queue.take(10 + (this.#padded ? paddingBytes : 0));
    if (bytes === undefined) return false;
    this.#export = { sizeBytes: readU64(bytes, 0), flags: readU16(bytes, 8) };
    return this.#agreed();
  }

  #leave(step: ClientStep): void {
    this.#steps.push({ kind: 'send', bytes: encodeOption(option.abort, nothing) }, step);
    this.#state = 'over';
  }

  #fail(message: string): boolean {
    this.#steps.push({ kind: 'failed', message });
    this.#state = 'over';
    return false;
  }
}

/** A listing wants nothing else; everything but TLS may be declined by the server. */
function questionsOf(wishes: ClientWishes): number[] {
  const first = wishes.tls ? [option.startTls] : [];
  if (wishes.goal === 'list') return [...first, option.list];
  const structured = wishes.structured ? [option.structuredReply] : [];
  const contexts = wishes.contexts.length > 0 ? [option.setMetaContext] : [];
  const last = wishes.goal === 'transmit' ? option.go : option.info;
  return [...first, ...structured, ...contexts, last];
}
