/** Tokens from the kernel's generator. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

export class HostRandom implements Random {
  token(): string {
    return randomBytes(16).toString('hex');
  }
}
