/** Names of volumes, and pages of lists. */
import { Refusal } from './refusal.ts';

const plain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
/** What the data plane's messages carry (base/limits.ts), and a Kubernetes UID with `pvc-` has. */
const lengthMax = 40;

/**
 * The volume of a requested name: the name itself, or for one that is too long or of other letters,
 * one derived from it. The same name gives the same volume for ever.
 */
export function volumeIdOf(name: string): string {
  if (plain.test(name) && name.length <= lengthMax) return name;
  return `v-${fnv128(name).toString(16).padStart(32, '0')}`;
}

/** FNV-1a of 128 bits (Fowler, Noll, Vo): no defence, but names do not meet by chance. */
function fnv128(text: string): bigint {
  const prime = 2n ** 88n + 2n ** 8n + 0x3bn;
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * prime);
  }
  return hash;
}

/** One page; the token is the place of its first entry. */
export function page<T>(
  all: readonly T[],
  maxEntries: number,
  startingToken: string,
): { readonly items: readonly T[]; readonly nextToken: string } {
  if (maxEntries < 0) throw new Refusal('INVALID_ARGUMENT', 'max_entries is negative.');
  const start = startingToken === '' ? 0 : Number(startingToken);
  if (!/^\d*$/.test(startingToken) || start > all.length) {
    throw new Refusal('ABORTED', `"${startingToken}" is no token of this list; start again.`);
  }
  const end = maxEntries === 0 ? all.length : Math.min(all.length, start + maxEntries);
  return { items: all.slice(start, end), nextToken: end < all.length ? String(end) : '' };
}
