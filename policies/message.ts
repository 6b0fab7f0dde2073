/** The text of a finding: what was found, why it matters here, the ways out, how to be exempted. */
import { exemptionPrefix } from './exemption.ts';
import { nameOf } from './model/declared.ts';
import type { Finding, Rule } from './rule.ts';

const docsUrl = 'docs/policies.md';

/** Where the policy is explained, relative to the repository. */
export function urlOf(rule: Rule): string {
  return `${docsUrl}#${rule.id}`;
}

/** `refusedExemption` is the reason why an exemption at the object does not count. */
export function messageOf(rule: Rule, finding: Finding, refusedExemption?: string): string {
  const lines = [
    `${nameOf(finding.object)}, ${finding.field}: ${finding.found}.`,
    `Why it matters: ${finding.why ?? rule.why}`,
    'Ways out:',
    ...(finding.waysOut ?? rule.waysOut).map((way, index) => `  ${index + 1}. ${way}`),
    `  or keep it, with annotation ${exemptionPrefix}${rule.id}: "<reason>[; until YYYY-MM-DD]"`,
  ];
  lines.push(`More: ${urlOf(rule)}`);
  if (refusedExemption !== undefined) lines.push(`Not exempt: ${refusedExemption}.`);
  return lines.join('\n');
}
