/** The first frame in each direction: who is wanted, and who answers (docs/wire.md). */
import { ByteWriter } from '../base/bytes.ts';
import { standings } from '../store/superblock.ts';
import type { Welcome } from '../volume/member.ts';
import { type Frame, malformed } from './frame.ts';
import { decodeFailed, type Failed } from './reply-codec.ts';
import { flagProven, frame, idWidth, payloadReader, standingOf, strict, verbs } from './verbs.ts';

export const protocolVersion = 1;

/** What a client says first: which store it wants, and which versions it speaks. */
export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly volume: string;
  readonly member: string;
}

export function encodeHello(hello: Hello): readonly Uint8Array[] {
  const payload = new ByteWriter(2 * idWidth)
    .text(hello.volume, idWidth)
    .text(hello.member, idWidth);
  return frame({
    verb: verbs.hello,
    number: hello.versionMin,
    lengthBytes: hello.versionMax,
    payload: payload.bytes,
  });
}

/** Throws `peer.malformed`. */
export const decodeHello: (found: Frame) => Hello = strict(helloOf);

function helloOf(found: Frame): Hello {
  if (found.verb !== verbs.hello) throw malformed(`verb ${found.verb} in place of a hello`);
  const reader = payloadReader(found, 2 * idWidth);
  return {
    versionMin: found.number,
    versionMax: found.lengthBytes,
    volume: reader.text(idWidth),
    member: reader.text(idWidth),
  };
}

export function encodeWelcome(welcome: Welcome): readonly Uint8Array[] {
  const payload = new ByteWriter(4 * idWidth)
    .text(welcome.volume, idWidth)
    .text(welcome.lineage, idWidth)
    .text(welcome.member, idWidth)
    .text(welcome.incarnation, idWidth);
  return frame({
    verb: verbs.welcome,
    flags: welcome.proven ? flagProven : 0,
    epoch: welcome.promisedEpoch,
    number: standings.indexOf(welcome.standing),
    lengthBytes: protocolVersion,
    payload: payload.bytes,
  });
}

/** In place of a welcome a `failed` reply may come, which says why not. Throws `peer.malformed`. */
export const decodeWelcome: (found: Frame) => Welcome | Failed = strict(welcomeOf);

function welcomeOf(found: Frame): Welcome | Failed {
  if (found.verb === verbs.failed) return decodeFailed(found);
  if (found.verb !== verbs.welcome) throw malformed(`verb ${found.verb} in place of a welcome`);
  const reader = payloadReader(found, 4 * idWidth);
  return {
    volume: reader.text(idWidth),
    lineage: reader.text(idWidth),
    member: reader.text(idWidth),
    incarnation: reader.text(idWidth),
    promisedEpoch: found.epoch,
    standing: standingOf(found.number),
    proven: (found.flags & flagProven) !== 0,
  };
}
