/**
 * The server's half of the fixed newstyle handshake: from the greeting to the first request.
 *
 * Promises: the client is told why an option is refused, in words; nothing that was agreed before
 * TLS counts after it, and bytes that were sent in clear behind STARTTLS end the connection (they
 * would be an attacker's). Memory is bounded by `nbdLimits.optionBytesMax`.
 * Never: awaits, opens anything, or looks at a clock; its owner limits the time it may take.
 * Tested: test/unit/nbd, test/property/nbd, test/script/nbd.
 */
import { Buffer } from 'node:buffer';
import { readU32, writeU16, writeU64 } from '../base/big-endian.ts';
import { ByteQueue } from './byte-queue.ts';
import {
  blockSizesOf,
  type ExportDirectory,
  type ExportInfo,
  transmissionFlagsOf,
} from './export-info.ts';
import { nbdLimits } from './limits.ts';
import { allContexts, matchContexts } from './meta-contexts.ts';
import {
  decodeContextQuery,
  decodeInfoQuery,
  decodeOptionHeader,
  decodeString,
  encodeBlockSizes,
  encodeExportInfo,
  encodeGreeting,
  encodeInfoText,
  encodeListEntry,
  encodeMetaContext,
  encodeOptionReply,
  type MetaContext,
} from './option-codec.ts';
import { handshakeFlag, info, option, optionHeaderBytes, optionName, optionReply } from './wire.ts';

/**
 * - `plain`: no certificate; STARTTLS is refused.
 * - `tls-optional`: a client may upgrade (unix sockets, where the file's permissions already
 *   decide).
 * - `tls-required`: everything but STARTTLS and ABORT is refused until it has (TCP).
 */
export type HandshakeSecurity = 'plain' | 'tls-optional' | 'tls-required';

/** What the two sides agreed on. */
export interface Agreement {
  readonly exportName: string;
  readonly structured: boolean;
  readonly contexts: readonly MetaContext[];
}

export type HandshakeStep =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Upgrade the connection, then call `secured`. */
  | { readonly kind: 'start-tls' }
  /** Transmission begins; `rest` holds what the client sent already. */
  | { readonly kind: 'begin'; readonly agreement: Agreement; readonly rest: Uint8Array }
  /** The client is leaving politely: send what is queued, then close. */
  | { readonly kind: 'finish' }
  /** The client broke the protocol or may not go on: close. */
  | { readonly kind: 'violation'; readonly message: string };

const nothing = new Uint8Array(0);
/** Padding that clients of the first newstyle expect behind an export's size and flags. */
const paddingBytes = 124;
const knownFlags = handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes;

export class ServerHandshake {
  readonly #exports: ExportDirectory;
  readonly #security: HandshakeSecurity;
  readonly #queue = new ByteQueue();
  #state: 'flags' | 'header' | 'data' | 'oversize' | 'tls' | 'over' = 'flags';
  #clientFlags = 0;
  #code = 0;
  #dataBytes = 0;
  #options = 0;
  #secure = false;
  #ending = false;
  #structured = false;
  #contexts: { exportName: string; selected: readonly MetaContext[] } | undefined;
  #steps: HandshakeStep[] = [];

  constructor(exports: ExportDirectory, security: HandshakeSecurity) {
    this.#exports = exports;
    this.#security = security;
  }

  /** Bytes that arrived and are not understood yet. */
  get heldBytes(): number {
    return this.#queue.lengthBytes;
  }

  /** The server speaks first. */
  start(): HandshakeStep[] {
    return [{ kind: 'send', bytes: encodeGreeting(knownFlags) }];
  }

  /** Takes what arrived. Bytes behind the end of a handshake are forgotten. */
  push(bytes: Uint8Array): HandshakeStep[] {
    if (this.#state === 'over') return [];
    this.#queue.push(bytes);
    while (this.#advance());
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  /** The upgrade asked for by `start-tls` is done: the client starts over, in secret. */
  secured(): void {
    this.#secure = true;
    this.#structured = false;
    this.#contexts = undefined;
    this.#state = 'header';
  }

  /** From now on every option but ABORT is answered with ERR_SHUTDOWN. */
  shutDown(): void {
    this.#ending = true;
  }

  /** One step forward; false when more bytes are needed or the handshake is over. */
  #advance(): boolean {
    switch (this.#state) {
      case 'flags':
        return this.#takeFlags();
      case 'header':
        return this.#takeHeader();
      case 'data':
        return this.#takeData();
      case 'oversize':
        return this.#skipOversize();
      case 'tls':
      case 'over':
        return false;
    }
  }

  #takeFlags(): boolean {
    const bytes = this.#queue.take(4);
    if (bytes === undefined) return false;
    this.#clientFlags = readU32(bytes, 0);
    if ((this.#clientFlags & ~knownFlags) !== 0) {
      return this.#violation(`client sent unknown handshake flags ${this.#clientFlags}`);
    }
    this.#state = 'header';
    return true;
  }

  #takeHeader(): boolean {
    const bytes = this.#queue.take(optionHeaderBytes);
    if (bytes === undefined) return false;
    const header = decodeOptionHeader(bytes);
    if (header === undefined) return this.#violation('client sent something that is no option');
    this.#options += 1;
    if (this.#options > nbdLimits.optionsMax) {
      return this.#violation(`client sent more than ${nbdLimits.optionsMax} options`);
    }
    this.#code = header.code;
    this.#dataBytes = header.lengthBytes;
    this.#state = header.lengthBytes > nbdLimits.optionBytesMax ? 'oversize' : 'data';
    return true;
  }

  #skipOversize(): boolean {
    this.#dataBytes -= this.#queue.skip(this.#dataBytes);
    if (this.#dataBytes > 0) return false;
    if (this.#code === option.exportName) return this.#violation('export name is too long');
    this.#state = 'header';
    return this.#refuse(
      optionReply.errorTooBig,
      `an option may hold ${nbdLimits.optionBytesMax} bytes of data`,
    );
  }

  #takeData(): boolean {
    const data = this.#queue.take(this.#dataBytes);
    if (data === undefined) return false;
    this.#state = 'header';
    const fixed = (this.#clientFlags & handshakeFlag.fixedNewstyle) !== 0;
    if (!fixed && this.#code !== option.exportName) {
      return this.#violation('client without fixed newstyle sent an option it may not send');
    }
    if (this.#code === option.abort) return this.#abort();
    const refusal = this.#gate();
    if (refusal === undefined) return this.#answer(data);
    if (this.#code === option.exportName) return this.#violation(refusal.message);
    return this.#refuse(refusal.type, refusal.message);
  }

  /** What holds for every option: the server's end, and TLS first where it is required. */
  #gate(): { type: number; message: string } | undefined {
    if (this.#ending) {
      return { type: optionReply.errorShutdown, message: 'the server is ending' };
    }
    const needsTls = this.#security === 'tls-required' && !this.#secure;
    if (needsTls && this.#code !== option.startTls) {
      return { type: optionReply.errorTlsRequired, message: 'start TLS first' };
    }
    return undefined;
  }

  #answer(data: Uint8Array): boolean {
    switch (this.#code) {
      case option.exportName:
        return this.#exportName(data);
      case option.list:
        return this.#list(data);
      case option.startTls:
        return this.#startTls(data);
      case option.info:
      case option.go:
        return this.#info(data);
      case option.structuredReply:
        return this.#structuredReply(data);
      case option.listMetaContext:
      case option.setMetaContext:
        return this.#metaContext(data);
      default:
        return this.#refuse(optionReply.errorUnsupported, `option ${this.#code} is not known here`);
    }
  }

  #abort(): boolean {
    this.#reply(optionReply.acknowledged, nothing);
    this.#steps.push({ kind: 'finish' });
    this.#state = 'over';
    return false;
  }

  #exportName(data: Uint8Array): boolean {
    const name = decodeString(data);
    const found = name === undefined ? undefined : this.#exports.find(name);
    if (name === undefined || found === undefined) {
      return this.#violation(
        `client asked for an export that is not here: ${name ?? 'not a name'}`,
      );
    }
    const padded = (this.#clientFlags & handshakeFlag.noZeroes) === 0;
    const bytes = Buffer.alloc(10 + (padded ? paddingBytes : 0));
    writeU64(bytes, 0, found.geometry.sizeBytes);
    writeU16(bytes, 8, transmissionFlagsOf(found, this.#structured));
    this.#steps.push({ kind: 'send', bytes });
    return this.#begin(name);
  }

  #list(data: Uint8Array): boolean {
    if (data.length > 0) return this.#invalid('takes no data');
    for (const entry of this.#exports.list()) {
      this.#reply(optionReply.server, encodeListEntry(entry.name, entry.description));
    }
    return this.#reply(optionReply.acknowledged, nothing);
  }

  #startTls(data: Uint8Array): boolean {
    if (data.length > 0) return this.#invalid('takes no data');
    if (this.#secure) return this.#invalid('TLS is on already');
    if (this.#security === 'plain') {
      return this.#refuse(optionReply.errorPolicy, 'this server was started without a certificate');
    }
    if (this.#queue.lengthBytes > 0) {
      return this.#violation('client sent bytes in clear behind STARTTLS');
    }
    this.#reply(optionReply.acknowledged, nothing);
    this.#steps.push({ kind: 'start-tls' });
    this.#state = 'tls';
    return false;
  }

  #info(data: Uint8Array): boolean {
    const query = decodeInfoQuery(data);
    if (query === undefined) return this.#invalid('the request for an export is malformed');
    const found = this.#exports.find(query.exportName);
    if (found === undefined) return this.#unknownExport(query.exportName);
    this.#describe(found, query.exportName, query.facts);
    this.#reply(optionReply.acknowledged, nothing);
    return this.#code === option.go ? this.#begin(query.exportName) : true;
  }

  #describe(found: ExportInfo, askedName: string, facts: readonly number[]): void {
    const flags = transmissionFlagsOf(found, this.#structured);
    this.#reply(optionReply.info, encodeExportInfo(found.geometry.sizeBytes, flags));
    this.#reply(optionReply.info, encodeBlockSizes(blockSizesOf(found)));
    if (facts.includes(info.name)) {
      // The canonical name: a client that asked for "" learns what it got.
      const name = found.name === '' ? askedName : found.name;
      this.#reply(optionReply.info, encodeInfoText(info.name, name));
    }
    if (facts.includes(info.description) && found.description !== '') {
      this.#reply(optionReply.info, encodeInfoText(info.description, found.description));
    }
  }

  #structuredReply(data: Uint8Array): boolean {
    if (data.length > 0) return this.#invalid('takes no data');
    this.#structured = true;
    return this.#reply(optionReply.acknowledged, nothing);
  }

  #metaContext(data: Uint8Array): boolean {
    const setting = this.#code === option.setMetaContext;
    // A new selection replaces the old one even when it fails.
    if (setting) this.#contexts = undefined;
    if (!this.#structured) return this.#invalid('negotiate structured replies first');
    const query = decodeContextQuery(data);
    if (query === undefined) return this.#invalid('the query for contexts is malformed');
    const found = this.#exports.find(query.exportName);
    if (found === undefined) return this.#unknownExport(query.exportName);
    const nameless = query.queries.find((text) => !text.includes(':'));
    if (nameless !== undefined) {
      return this.#invalid(`"${nameless}" names no namespace; write namespace:name`);
    }
    const matched = setting
      ? matchContexts(found.contexts, query.queries)
      : allContexts(found.contexts, query.queries);
    // Numbers mean something only once selected; a mere list carries zero.
    const contexts = matched.map((name, index) => ({ id: setting ? index + 1 : 0, name }));
    if (setting) this.#contexts = { exportName: query.exportName, selected: contexts };
    for (const context of contexts) {
      this.#reply(optionReply.metaContext, encodeMetaContext(context));
    }
    return this.#reply(optionReply.acknowledged, nothing);
  }

  #begin(exportName: string): boolean {
    // Contexts were chosen for one export by name; for another they do not count.
    const contexts =
      this.#contexts?.exportName === exportName && this.#structured ? this.#contexts.selected : [];
    const agreement = { exportName, structured: this.#structured, contexts };
    const rest = this.#queue.take(this.#queue.lengthBytes) ?? nothing;
    this.#steps.push({ kind: 'begin', agreement, rest });
    this.#state = 'over';
    return false;
  }

  #unknownExport(name: string): boolean {
    return this.#refuse(optionReply.errorUnknown, `there is no export named "${name}"`);
  }

  #invalid(message: string): boolean {
    return this.#refuse(optionReply.errorInvalid, `${optionName(this.#code)}: ${message}`);
  }

  #refuse(type: number, message: string): boolean {
    return this.#reply(type, Buffer.from(message));
  }

  #reply(type: number, data: Uint8Array): boolean {
    this.#steps.push({ kind: 'send', bytes: encodeOptionReply(this.#code, type, data) });
    return true;
  }

  #violation(message: string): boolean {
    this.#steps.push({ kind: 'violation', message });
    this.#queue.skip(this.#queue.lengthBytes);
    this.#state = 'over';
    return false;
  }
}
