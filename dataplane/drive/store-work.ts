/**
 * What a replica does for each question of an engine, on one store: from the question to its
 * answer. Who may ask is decided before (store/epoch-gate.ts); how it gets to disk is the store's.
 */
import { digestBlocks, digestBytes, markUnreadable } from '../base/digest.ts';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { malformed } from '../peer/frame.ts';
import { blocksOf, type ByteSpan, fits } from '../store/geometry.ts';
import type { Store, StoreReadOutcome } from '../store/store.ts';
import type { MemberExtent, MemberReply, MemberRequest } from '../volume/member.ts';
import type { HostedStore } from './hosted-store.ts';

type Work = Exclude<MemberRequest, { kind: 'promise' }>;

/** What is read: a span of the volume as it is, or of a snapshot. */
interface View {
  readonly span: ByteSpan;
  readonly snapshot?: string;
}

const done: MemberReply = { kind: 'done' };

/** Most questions are answered before it returns: what touches the page cache need not wait. */
export function carryOut(hosted: HostedStore, request: Work): MemberReply | Promise<MemberReply> {
  if (request.kind === 'read') return readStore(hosted, request);
  if (request.kind !== 'write') return carryOutLonger(hosted, request);
  const written = hosted.runner.run(
    hosted.store.write(request.offsetBytes, request.bytes, request),
  );
  return written instanceof Promise ? written.then(() => done) : done;
}

async function carryOutLonger(
  hosted: HostedStore,
  request: Exclude<Work, { kind: 'write' }>,
): Promise<MemberReply> {
  const { store, runner } = hosted;
  switch (request.kind) {
    case 'read':
      return readStore(hosted, request);
    case 'digest':
      return { kind: 'digests', bytes: await digest(hosted, request) };
    case 'status':
      return { kind: 'extents', extents: await runner.run(store.status(request.span)) };
    case 'difference':
      return { kind: 'extents', extents: await difference(hosted, request) };
    case 'mend': {
      const { snapshot, offsetBytes, bytes } = request;
      const blocks = await runner.run(store.mend(snapshot, offsetBytes, bytes));
      return blocks.length === 0 ? done : { kind: 'corrupt', blocks };
    }
    case 'spoil':
      await runner.run(store.spoil(request.span, { sequence: request.sequence, fua: false }));
      return { kind: 'done' };
    case 'snapshot':
      await runner.run(store.snapshot(request.name));
      return { kind: 'done' };
    case 'forget':
      await runner.run(store.deleteSnapshot(request.name));
      return { kind: 'done' };
    case 'resize':
      await runner.run(store.resize(request.sizeBytes));
      return { kind: 'done' };
    case 'zero':
    case 'trim':
      await runner.run(store.zero(request.span, request));
      return { kind: 'done' };
    case 'flush':
      await runner.run(store.flush());
      return { kind: 'done' };
    case 'become':
      await runner.run(store.become(request.standing, request.proven));
      return { kind: 'done' };
    case 'track':
      await runner.run(store.track(request.absence, request.whole));
      return { kind: 'done' };
    case 'untrack':
      await runner.run(store.untrack(request.member));
      return { kind: 'done' };
    case 'copied':
      await runner.run(store.copied(request.absence, request));
      return { kind: 'done' };
    case 'changed': {
      const { absence, age } = request;
      return { kind: 'changed', regions: store.changedSince(absence, age)?.bytes };
    }
    case 'grow':
      await runner.run(store.grow(request.age, request.peerAge));
      return { kind: 'done' };
    case 'heartbeat':
      store.flushedEverywhere(request.cleanThrough);
      return { kind: 'done' };
  }
}

/** A disk that cannot read is like a block that does not match: another member may have it. */
export function readStore(
  hosted: HostedStore,
  { span, snapshot = '' }: View,
): StoreReadOutcome | Promise<StoreReadOutcome> {
  const { store, runner } = hosted;
  const known = (found: StoreReadOutcome | undefined): StoreReadOutcome => {
    if (found === undefined) throw noSnapshot(snapshot);
    return found;
  };
  const corrupt = (error: unknown): StoreReadOutcome => {
    if (!(error instanceof Fault) || store.failure !== undefined) throw error;
    if (error.code === 'input.invalid') throw error;
    const { blockBytes } = store.geometry;
    const first = span.offsetBytes / blockBytes;
    const count = span.lengthBytes / blockBytes;
    return {
      kind: 'corrupt',
      blocks: Array.from({ length: count }, (_, index) => first + index),
    };
  };
  try {
    const found =
      snapshot === ''
        ? runner.run(store.read(span))
        : runner.run(store.readSnapshot(snapshot, span));
    return found instanceof Promise ? found.then(known).catch(corrupt) : known(found);
  } catch (error) {
    return corrupt(error);
  }
}

/** Of the whole span at once, and block by block where some block cannot be read. */
async function digest(hosted: HostedStore, view: View): Promise<Uint8Array> {
  const { blockBytes } = hosted.store.geometry;
  const { span } = view;
  const outcome = await readStore(hosted, view);
  if (outcome.kind === 'data') return digestBlocks(outcome.bytes, blockBytes);
  const digests = new Uint8Array((span.lengthBytes / blockBytes) * digestBytes);
  for (let at = 0; at < span.lengthBytes; at += blockBytes) {
    const index = at / blockBytes;
    const block = { offsetBytes: span.offsetBytes + at, lengthBytes: blockBytes };
    const found = await readStore(hosted, { ...view, span: block });
    if (found.kind === 'corrupt') markUnreadable(digests, index);
    else digests.set(digestBlocks(found.bytes, blockBytes), index * digestBytes);
  }
  return digests;
}

/** Throws `input.invalid` when there is no such snapshot. */
async function difference(
  { store, runner }: HostedStore,
  { span, from, to }: Extract<MemberRequest, { kind: 'difference' }>,
): Promise<readonly MemberExtent[]> {
  const views = { ...(from === '' ? {} : { from }), ...(to === '' ? {} : { to }) };
  const blocks = blocksOf(store.geometry, span);
  const extents: MemberExtent[] = [];
  let at = blocks.first;
  for (const run of await runner.run(store.difference(views, span))) {
    if (run.first > at) extents.push({ blocks: run.first - at, stored: false });
    extents.push({ blocks: run.end - run.first, stored: true });
    at = run.end;
  }
  if (at < blocks.end) extents.push({ blocks: blocks.end - at, stored: false });
  return extents;
}

function noSnapshot(name: string): Fault {
  return new Fault('input.invalid', `This member has no snapshot ${name}.`, {
    hint: 'Ask the record which snapshots there are.',
  });
}

function longest(kind: MemberRequest['kind']): number {
  const light = kind === 'status' || kind === 'difference';
  return light ? limits.statusBytesMax : limits.requestBytesMax;
}

/** Memory of a request and of its reply. */
export function heldBytes(request: MemberRequest): number {
  if (request.kind === 'write' || request.kind === 'mend') return request.bytes.length;
  return request.kind === 'read' || request.kind === 'digest' ? request.span.lengthBytes : 0;
}

/** What the codec cannot know. Throws `peer.malformed`. */
export function checkRequest(store: Store, request: MemberRequest): void {
  if (request.kind === 'track' && !store.canTrack(request.absence)) {
    throw malformed(`one absent member too many, ${request.absence.member}`);
  }
  const named = 'name' in request ? request.name : request.kind === 'mend' && request.snapshot;
  if (named === '') throw malformed(`a ${request.kind} without a name`);
  const { geometry } = store;
  if (request.kind === 'write' || request.kind === 'mend') {
    const { offsetBytes, bytes } = request;
    if (!fits(geometry, { offsetBytes, lengthBytes: bytes.length })) {
      throw malformed(`a ${request.kind} of ${bytes.length} bytes at ${offsetBytes}`);
    }
  } else if (
    'span' in request &&
    (!fits(geometry, request.span) || request.span.lengthBytes > longest(request.kind))
  ) {
    throw malformed(
      `a ${request.kind} of ${request.span.lengthBytes} bytes at ${request.span.offsetBytes}`,
    );
  }
}
