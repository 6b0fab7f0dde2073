/** The handshake of an NBD client over a link, up to what its goal wanted. */
import { Fault } from '../base/fault.ts';
import { ClientHandshake, type ClientStep, type ClientWishes } from '../nbd/client-handshake.ts';
import { metaContextName } from '../nbd/wire.ts';
import type { Link } from '../ports/link.ts';
import type { NbdLink } from '../ports/nbd-link.ts';

export interface NbdClientOptions {
  /** "" asks for the server's default export. Default "". */
  readonly exportName?: string;
  /** True: no transmission without TLS. Default false. */
  readonly tls?: boolean;
  /** Default true. */
  readonly structured?: boolean;
  /** Default `base:allocation`. */
  readonly contexts?: readonly string[];
}

function wishesOf(options: NbdClientOptions, goal: ClientWishes['goal']): ClientWishes {
  return {
    goal,
    exportName: options.exportName ?? '',
    tls: options.tls ?? false,
    structured: options.structured ?? true,
    contexts: options.contexts ?? [metaContextName.allocation],
  };
}

type LastStep = Exclude<ClientStep, { kind: 'send' | 'start-tls' | 'failed' }>;

/**
 * Rejects with `peer.refused`, `peer.malformed` or `link.lost`, the link closed. The caller limits
 * the time by closing the link.
 */
export async function negotiate(
  plain: NbdLink,
  goal: ClientWishes['goal'],
  options: NbdClientOptions,
): Promise<{ readonly link: Link; readonly step: LastStep }> {
  const handshake = new ClientHandshake(wishesOf(options, goal));
  let link: Link = plain;
  let steps: ClientStep[] = [];
  try {
    for (;;) {
      const step = steps.shift();
      switch (step?.kind) {
        case undefined: {
          const chunk = await link.read();
          if (chunk === undefined) {
            throw new Fault('peer.refused', 'the server closed the connection in the handshake');
          }
          steps = handshake.push(chunk);
          break;
        }
        case 'send':
          await link.write([step.bytes]);
          break;
        case 'start-tls':
          link = await plain.secure();
          steps = handshake.secured();
          break;
        case 'failed':
          throw new Fault('peer.refused', step.message);
        case 'begin':
        case 'described':
        case 'listed':
          return { link, step };
      }
    }
  } catch (error) {
    link.close();
    throw error;
  }
}
