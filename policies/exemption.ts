/**
 * Exemptions: `larder.dev/exempt.<policy>: "<reason>"`, with an optional last day:
 * `"<reason>; until 2027-03-31"`. They stand at the object, where the next reader of the program
 * sees them. For objects that cannot carry annotations (a Helm chart's children, a random password)
 * the pack's configuration takes the same text under `exempt`.
 *
 * Promises: an exemption without a reason, with a malformed date or past its last day does not
 * count, and the message says so.
 */
import { type DeclaredObject, nameOf } from './model/declared.ts';

export type Exemption =
  | { readonly kind: 'none' }
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly because: string };

export const exemptionPrefix = 'larder.dev/exempt.';

/** The exemption of an object from a policy, judged on the given day (`YYYY-MM-DD`). */
export function exemptionOf(
  objects: readonly DeclaredObject[],
  policyId: string,
  configured: ReadonlyMap<string, string>,
  day: string,
): Exemption {
  const key = `${exemptionPrefix}${policyId}`;
  const texts = objects.flatMap((object) => {
    const text =
      object.annotations.get(key) ?? configured.get(nameOf(object)) ?? configured.get(object.name);
    return text === undefined ? [] : [text];
  });
  const verdicts = texts.map((text) => judged(text, day));
  return verdicts.find((verdict) => verdict.kind === 'granted') ?? verdicts[0] ?? { kind: 'none' };
}

function judged(text: string, day: string): Exemption {
  const [, reason = '', until] = /^(.*?)(?:;\s*until\s+(\S+)\s*)?$/su.exec(text) ?? [];
  if (reason.trim().length === 0) {
    return { kind: 'refused', because: 'its exemption gives no reason' };
  }
  if (until === undefined) return { kind: 'granted' };
  if (!isDay(until)) {
    return { kind: 'refused', because: `its exemption ends on "${until}", not YYYY-MM-DD` };
  }
  return day <= until
    ? { kind: 'granted' }
    : { kind: 'refused', because: `its exemption ended on ${until}: ${reason.trim()}` };
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const parsed = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text);
}
