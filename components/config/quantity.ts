/**
 * Sizes as people write them (`20Gi`, `500M`, `2T`) and as the program counts them: bytes.
 *
 * Grammar: digits, at most one fraction, then one of Ki Mi Gi Ti Pi (powers of 1024) or k M G T P
 * (powers of 1000), as in Kubernetes' resource.Quantity. A size without unit is bytes.
 * Never: rounds. `1.5Gi` is exact; `0.3Ki` is not a whole number of bytes and is refused.
 * Tested: test/unit/components/config/quantity.spec.ts.
 */
const binaryUnits = { Ki: 1024 ** 1, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4, Pi: 1024 ** 5 };
const decimalUnits = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
const bytesOfUnit: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ...Object.entries(binaryUnits),
  ...Object.entries(decimalUnits),
]);

/** How to write a size, for messages. */
export const sizeGrammar = 'a size such as 20Gi, 500Mi or 1Ti (units: Ki Mi Gi Ti Pi, k M G T P)';

/** The size in bytes, or undefined when the text is no size or no whole number of bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,16})(?:\.(\d{1,9}))?([KMGTP]i|[kMGTP])?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit = ''] = match;
  const unitBytes = bytesOfUnit.get(unit);
  if (unitBytes === undefined) return undefined;
  // Integers throughout: 0.1 has no exact float, 10^8 tenths of a Gi have.
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * BigInt(unitBytes);
  if (scaled % scale !== 0n) return undefined;
  const sizeBytes = Number(scaled / scale);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/**
 * The canonical text of a size: the largest binary unit that divides it. The API server stores
 * binary quantities in the same form, so that a size never differs by its spelling alone.
 */
export function formatSize(sizeBytes: number): string {
  const units = Object.entries(binaryUnits).toReversed();
  const unit = units.find(([, unitBytes]) => sizeBytes > 0 && sizeBytes % unitBytes === 0);
  return unit === undefined ? String(sizeBytes) : `${sizeBytes / unit[1]}${unit[0]}`;
}
