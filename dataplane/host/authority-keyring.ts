/**
 * The authorities of the peers' certificates, and how one follows another while volumes run: the
 * new one is trusted for as long as a certificate lives before it signs, and the old one for as
 * long after. Every step is derived from the certificates themselves, so that any controller goes
 * on where another stopped (docs/decisions/0192).
 */
import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import { type Issued, makeAuthority, validFor } from './authority.ts';

export const authorityDays = 3650;
/** How long a node's certificate lives; it is renewed after two thirds of that. */
export const leafDays = 90;
/** A day more than any certificate lives, for nodes that ask late. */
const overlapDays = leafDays + 1;
const dayMs = 86_400_000;

export interface Keyring {
  readonly current: Issued;
  /** Trusted already, does not sign yet. */
  readonly next?: Issued;
  /** Certificate of the one before, whose signatures still count. */
  readonly previous?: string;
}

/** What peers are to trust: PEM texts, the one that signs first. */
export function trusted({ current, next, previous }: Keyring): readonly string[] {
  return [current.certificate, next?.certificate, previous].filter((each) => each !== undefined);
}

/** Why the keyring changes now, or undefined: nothing is to be done. */
export type Roll = 'begin' | 'sign with the next' | 'drop the previous' | undefined;

/** @param asked somebody wants another authority now */
export function rollOf(keyring: Keyring, now: Date, asked: boolean): Roll {
  const { current, next, previous } = keyring;
  if (next !== undefined) {
    return daysSince(next.certificate, now) >= overlapDays ? 'sign with the next' : undefined;
  }
  const ageDays = daysSince(current.certificate, now);
  // It was trusted for one overlap before it began to sign.
  if (previous !== undefined) return ageDays >= 2 * overlapDays ? 'drop the previous' : undefined;
  return asked || ageDays >= (authorityDays * 2) / 3 ? 'begin' : undefined;
}

/** The keyring after the step. */
export async function rolled(keyring: Keyring, roll: Roll, now: Date): Promise<Keyring> {
  const { current, next } = keyring;
  switch (roll) {
    case 'begin':
      return { ...keyring, next: await makeAuthority(validFor(authorityDays, now)) };
    case 'sign with the next':
      return next === undefined ? keyring : { current: next, previous: current.certificate };
    case 'drop the previous':
      return { current };
    case undefined:
      return keyring;
  }
}

function daysSince(certificate: string, now: Date): number {
  return (now.getTime() - new X509Certificate(certificate).notBefore.getTime()) / dayMs;
}
