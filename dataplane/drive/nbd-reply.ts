/**
 * Carries out one admitted request against its export and says, piece by piece, what to send back.
 *
 * Promises: exactly one reply, its last piece marked as such; a read without structured replies is
 * sent only when all of it is known to be good; with them, a long read is sent in parts as they
 * come and an error names the part where it happened. Never checks what the ladder has checked.
 */
import { unreachable } from '../base/assert.ts';
import { errnoOf, messageOf } from '../nbd/errno.ts';
import { nbdLimits } from '../nbd/limits.ts';
import {
  dataChunkHeader,
  errorChunk,
  holeChunk,
  simpleReply,
  type StatusRun,
  statusChunk,
} from '../nbd/reply-codec.ts';
import { hasFlag, type NbdRequest } from '../nbd/request.ts';
import type { Agreement } from '../nbd/server-handshake.ts';
import { mergeRuns } from '../nbd/status-runs.ts';
import { allocationState, command, commandFlag, dirtyState, metaContextName } from '../nbd/wire.ts';
import { dataRuns } from '../nbd/zero-runs.ts';
import type { BlockFailure, BlockOutcome, ByteRange } from '../ports/block-service.ts';
import { clip, outwards } from './nbd-bytes.ts';
import type { NbdExport } from './nbd-export.ts';

/** Takes a piece of a reply; pieces of one reply are sent in the order given. */
type SendReply = (pieces: readonly Uint8Array[]) => void;

export interface ReplyContext {
  readonly target: NbdExport;
  readonly agreement: Agreement;
  readonly send: SendReply;
}

export async function answer(
  request: NbdRequest,
  payload: Uint8Array,
  context: ReplyContext,
): Promise<void> {
  const { bytes } = context.target;
  const fua = hasFlag(request, commandFlag.fua);
  switch (request.code) {
    case command.read:
      return context.agreement.structured
        ? readStructured(request, context)
        : readSimple(request, context);
    case command.write:
      return conclude(request, context, await bytes.write(request.offsetBytes, payload, { fua }));
    case command.flush:
      return conclude(request, context, await bytes.flush());
    case command.trim:
      return conclude(
        request,
        context,
        await inParts(request, (part) => bytes.trim(part, { fua })),
      );
    case command.writeZeroes: {
      const options = { fua, mayPunch: !hasFlag(request, commandFlag.noHole) };
      const outcome = await inParts(request, (part) => bytes.zero(part, options));
      return conclude(request, context, outcome);
    }
    case command.cache:
      return conclude(request, context, await warm(request, context.target));
    case command.blockStatus:
      return blockStatus(request, context);
    default:
      return unreachable(request.code as never);
  }
}

function conclude(request: NbdRequest, context: ReplyContext, outcome: BlockOutcome): void {
  if (outcome.kind !== 'done') return fail(request, context, outcome);
  // A simple reply is allowed for everything but a read, and is the shorter one.
  context.send([simpleReply(request, undefined)]);
}

function fail(
  request: NbdRequest,
  context: ReplyContext,
  failure: BlockFailure,
  atBytes?: number,
): void {
  const error = errnoOf(failure, request.code);
  const reply = context.agreement.structured
    ? errorChunk(request, error, messageOf(failure), atBytes)
    : simpleReply(request, error);
  context.send([reply]);
}

async function readSimple(request: NbdRequest, context: ReplyContext): Promise<void> {
  const outcome = await context.target.bytes.read(request);
  if (outcome.kind !== 'data') return fail(request, context, outcome);
  context.send([simpleReply(request, undefined), outcome.bytes]);
}

async function readStructured(request: NbdRequest, context: ReplyContext): Promise<void> {
  const whole = hasFlag(request, commandFlag.dontFragment);
  const parts = whole ? [request] : partsOf(request, nbdLimits.readPartBytesMax);
  const end = request.offsetBytes + request.lengthBytes;
  for (const part of parts) {
    const outcome = await context.target.bytes.read(part);
    // Bytes before this part were good and have been sent; the offset tells the client so.
    if (outcome.kind !== 'data') return fail(request, context, outcome, part.offsetBytes);
    const last = part.offsetBytes + part.lengthBytes === end;
    const at = { offsetBytes: part.offsetBytes, lengthBytes: part.lengthBytes, last };
    if (whole) context.send([dataChunkHeader(request, at), outcome.bytes]);
    else context.send(chunksOf(request, outcome.bytes, at));
  }
}

/** Data and holes of one part, in order; the very last chunk of the reply is marked. */
function chunksOf(
  request: NbdRequest,
  bytes: Uint8Array,
  part: ByteRange & { readonly last: boolean },
): Uint8Array[] {
  return dataRuns(bytes).flatMap(({ startBytes, lengthBytes, zero }) => {
    const last = part.last && startBytes + lengthBytes === bytes.length;
    const at = { offsetBytes: part.offsetBytes + startBytes, lengthBytes, last };
    if (zero) return [holeChunk(request, at)];
    const data = bytes.subarray(startBytes, startBytes + lengthBytes);
    return [dataChunkHeader(request, at), data];
  });
}

async function inParts(
  request: NbdRequest,
  change: (part: ByteRange) => Promise<BlockOutcome>,
): Promise<BlockOutcome> {
  for (const part of partsOf(request, nbdLimits.rangePartBytesMax)) {
    const outcome = await change(part);
    if (outcome.kind !== 'done') return outcome;
  }
  return { kind: 'done' };
}

/** CACHE asks for coming reads to be fast: reading once warms what caches there are below. */
async function warm(request: NbdRequest, target: NbdExport): Promise<BlockOutcome> {
  for (const part of partsOf(request, nbdLimits.readPartBytesMax)) {
    const outcome = await target.bytes.read(part);
    if (outcome.kind !== 'data') return outcome;
  }
  return { kind: 'done' };
}

async function blockStatus(request: NbdRequest, context: ReplyContext): Promise<void> {
  const { contexts } = context.agreement;
  const chunks: Uint8Array[] = [];
  const runsMax = hasFlag(request, commandFlag.requestOne) ? 1 : nbdLimits.extentsMax;
  for (const [index, { id, name }] of contexts.entries()) {
    const outcome = await statusRuns(name, request, context.target);
    if (outcome.kind !== 'runs') return fail(request, context, outcome);
    const runs = mergeRuns(outcome.runs, runsMax);
    // Only the last chunk may end the reply: a later context can still fail.
    chunks.push(statusChunk(request, id, runs, index === contexts.length - 1));
  }
  context.send(chunks);
}

type StatusRuns = { readonly kind: 'runs'; readonly runs: readonly StatusRun[] } | BlockFailure;

async function statusRuns(name: string, range: ByteRange, target: NbdExport): Promise<StatusRuns> {
  if (name === metaContextName.dirty) return dirtyRuns(range, target);
  const outcome = await target.bytes.blockStatus(range);
  if (outcome.kind !== 'extents') return outcome;
  const runs = outcome.extents.map(({ lengthBytes, allocated, zero }) => ({
    lengthBytes,
    state: (allocated ? 0 : allocationState.hole) | (zero ? allocationState.zero : 0),
  }));
  return { kind: 'runs', runs };
}

async function dirtyRuns(range: ByteRange, target: NbdExport): Promise<StatusRuns> {
  const everything = [{ lengthBytes: range.lengthBytes, state: dirtyState.dirty }];
  if (target.dirty === undefined) return { kind: 'runs', runs: everything };
  const outer = outwards(range, target.bytes.blocks.geometry.blockBytes);
  const outcome = await target.dirty.dirtyStatus(outer);
  if (outcome.kind !== 'extents') return outcome;
  const runs = clip(outcome.extents, outer, range).map(({ lengthBytes, dirty }) => ({
    lengthBytes,
    state: dirty ? dirtyState.dirty : 0,
  }));
  return { kind: 'runs', runs };
}

/** Cuts a range into parts of at most `partBytesMax`, at multiples of it. */
function partsOf(range: ByteRange, partBytesMax: number): ByteRange[] {
  const end = range.offsetBytes + range.lengthBytes;
  const parts: ByteRange[] = [];
  let offsetBytes = range.offsetBytes;
  while (offsetBytes < end) {
    const boundary = offsetBytes - (offsetBytes % partBytesMax) + partBytesMax;
    const lengthBytes = Math.min(boundary, end) - offsetBytes;
    parts.push({ offsetBytes, lengthBytes });
    offsetBytes += lengthBytes;
  }
  return parts;
}
