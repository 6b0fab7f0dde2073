/**
 * Makes copies of a span equal: compares fingerprints, and sends only the blocks that differ. Used
 * when an epoch is opened after an unclean end (I-12) and when an absent member is brought back
 * (I-14).
 */
import { isZero } from '../base/bytes.ts';
import { differingRuns, digestBytes } from '../base/digest.ts';
import { limits } from '../base/limits.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import type { MemberRequest } from './member.ts';
import type { Heard, MemberLink } from './member-link.ts';
import type { Procedure } from './task.ts';

type Digest = Extract<MemberRequest, { kind: 'read' | 'digest' }>;

export interface Equalization {
  /** The first that can read a block says what it is. */
  readonly sources: readonly MemberLink[];
  readonly targets: readonly MemberLink[];
  /** At most `limits.copyBytesMax` long. Nothing else touches it meanwhile. */
  readonly span: ByteSpan;
  /** What the sources are to show: a snapshot, or without it the volume as it is now. */
  readonly snapshot?: string;
}

/** Cuts a span into pieces of one step. */
export function chunks(span: ByteSpan): readonly ByteSpan[] {
  const pieces: ByteSpan[] = [];
  for (let at = 0; at < span.lengthBytes; at += limits.copyBytesMax) {
    const lengthBytes = Math.min(limits.copyBytesMax, span.lengthBytes - at);
    pieces.push({ offsetBytes: span.offsetBytes + at, lengthBytes });
  }
  return pieces;
}

/** False: it did not happen everywhere. */
export function* equalize(core: Core, work: Equalization): Procedure<boolean> {
  const { sources, targets, span, snapshot = '' } = work;
  const [source] = sources;
  if (source === undefined) return false;
  const shown = { kind: 'digest', epoch: core.epoch, span } as const;
  const [reference, ...others] = yield* digestsOf(core, [
    { link: source, request: { ...shown, snapshot } },
    ...targets.map((link) => ({ link, request: shown })),
  ]);
  if (reference === undefined) return false;
  const { blockBytes } = core.geometry;
  const differing = new Set<number>();
  for (const digests of others) {
    if (digests.length !== reference.length) return false;
    for (const { first, end } of differingRuns(reference, digests)) {
      for (let index = first; index < end; index++) differing.add(index);
    }
  }
  for (const { first, end } of runs(differing)) {
    const lengthBytes = (end - first) * blockBytes;
    const part = { offsetBytes: span.offsetBytes + first * blockBytes, lengthBytes };
    if (!(yield* copySpan(core, { ...work, span: part }))) return false;
  }
  return true;
}

/** The digests of all, in their order; empty when somebody did not answer. */
export function* digestsOf(
  core: Core,
  questions: readonly { readonly link: MemberLink; readonly request: Digest }[],
): Procedure<readonly Uint8Array[]> {
  const answers = new Map<MemberLink, Heard>();
  for (const { link, request } of questions) {
    core.ask(link, request, (heard) => answers.set(link, heard));
  }
  yield { ready: () => answers.size === questions.length };
  const found: Uint8Array[] = [];
  for (const { link, request } of questions) {
    const expected = (request.span.lengthBytes / core.geometry.blockBytes) * digestBytes;
    const heard = answers.get(link);
    if (heard === undefined || !core.judge(link, heard)) return [];
    if (heard.kind !== 'digests' || heard.bytes.length !== expected) return [];
    found.push(heard.bytes);
  }
  return found;
}

function* runs(indexes: ReadonlySet<number>) {
  let first: number | undefined;
  let end = 0;
  for (const index of [...indexes].sort((a, b) => a - b)) {
    if (first !== undefined && index !== end) {
      yield { first, end };
      first = undefined;
    }
    first ??= index;
    end = index + 1;
  }
  if (first !== undefined) yield { first, end };
}

/**
 * From the first source that has it whole, block by block where none has. What no source can read
 * is unreadable on the targets too: nobody shall see there what is older, or was never
 * acknowledged.
 */
function* copySpan(core: Core, work: Equalization): Procedure<boolean> {
  const { targets, span, snapshot = '' } = work;
  for (const source of work.sources) {
    const asked = { kind: 'read', epoch: core.epoch, span, snapshot } as const;
    const heard = yield* core.call(source, asked);
    if (heard.kind === 'corrupt') continue;
    if (heard.kind !== 'data') return false;
    const { bytes } = heard;
    core.copiedBytes += bytes.length;
    const order = { epoch: core.epoch, sequence: core.nextSequence(), fua: false };
    const request: MemberRequest = isZero(bytes)
      ? { kind: 'zero', ...order, span }
      : { kind: 'write', ...order, offsetBytes: span.offsetBytes, bytes };
    return yield* core.callAll(targets.map((link) => ({ link, request })));
  }
  const { blockBytes } = core.geometry;
  if (span.lengthBytes === blockBytes) {
    const order = { epoch: core.epoch, sequence: core.nextSequence() };
    const request = { kind: 'spoil', ...order, span } as const;
    return yield* core.callAll(targets.map((link) => ({ link, request })));
  }
  for (let at = 0; at < span.lengthBytes; at += blockBytes) {
    const block = { offsetBytes: span.offsetBytes + at, lengthBytes: blockBytes };
    if (!(yield* copySpan(core, { ...work, span: block }))) return false;
  }
  return true;
}
