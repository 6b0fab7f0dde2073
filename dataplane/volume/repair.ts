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
    const link = core.needed().find((other) => other.readable && !damaged.has(other));
    if (link === undefined) {
      const nobody = () => core.needed().every((other) => damaged.has(other));
      if (nobody()) return undefined;
      const somebody = () => core.needed().some((other) => other.readable && !damaged.has(other));
      yield { ready: () => somebody() || nobody() };
      continue;
    }
    const heard = yield* core.call(link, { kind: 'read', epoch: core.epoch, span });
    if (heard.kind === 'corrupt') damaged.add(link);
    if (heard.kind !== 'data' || !link.readable) continue;
    const { bytes } = heard;
    const { offsetBytes } = span;
    const order = { epoch: core.epoch, sequence: core.nextSequence(), fua: false };
    const request: MemberRequest = { kind: 'write', ...order, offsetBytes, bytes };
    const calls = [...damaged].map((target) => ({ link: target, request }));
    return { bytes, everywhere: yield* core.callAll(calls) };
  }
}
