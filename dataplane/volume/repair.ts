/**
 * Repair of one block (I-21): what some members cannot show is read from one that proves it by its
 * checksum, and written back to them. Used by reads that meet such a block and by the scrub.
 */
import type { ByteSpan } from '../store/geometry.ts';
import type { Core } from './core.ts';
import type { MemberRequest } from './member.ts';
import type { MemberLink } from './member-link.ts';
import type { Procedure } from './task.ts';

interface Repaired {
  readonly bytes: Uint8Array;
  /** Every member that was found without it has it again. */
  readonly everywhere: boolean;
}

/**
 * Undefined when every member that counts was asked and none has it.
 *
 * @param span one block; nothing else changes it meanwhile
 * @param known members that are not to be believed; they are written to, not asked
 */
export function* repairBlock(
  core: Core,
  span: ByteSpan,
  known: readonly MemberLink[] = [],
): Procedure<Repaired | undefined> {
  const damaged = new Set(known);
  for (;;) {
    const members = core.needed();
    const link = members.find((other) => other.usable && !damaged.has(other));
    if (link === undefined) {
      if (members.every((other) => damaged.has(other))) return undefined;
      yield { ready: () => core.needed().some((other) => other.usable && !damaged.has(other)) };
      continue;
    }
    const heard = yield* core.call(link, { kind: 'read', epoch: core.epoch, span });
    if (heard.kind === 'corrupt') damaged.add(link);
    if (heard.kind !== 'data') continue;
    const { bytes } = heard;
    const { offsetBytes } = span;
    const order = { epoch: core.epoch, sequence: core.nextSequence(), fua: false };
    const request: MemberRequest = { kind: 'write', ...order, offsetBytes, bytes };
    const calls = [...damaged].map((target) => ({ link: target, request }));
    return { bytes, everywhere: yield* core.callAll(calls) };
  }
}
