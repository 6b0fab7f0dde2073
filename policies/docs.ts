/**
 * `docs/policies.md` as text, from the metadata of the rules and the table of applications, so that
 * the page cannot say anything else than the pack does. Written by
 * `UPDATE_GOLDEN=1 npm run test:unit`; a test holds the file and this text together.
 */
import type { Application } from './applications/application.ts';
import { applications } from './applications/table.ts';
import { nameOfPolicy } from './registered.ts';
import type { Rule } from './rule.ts';
import { rules } from './rules.ts';
import { schemaOf } from './settings.ts';

export function policiesDocument(): string {
  return [introduction, overview(), ...rules.map(section), applicationSection(), ''].join('\n');
}

const introduction = `# Policies

<!-- Written from policies/rules by policies/docs.ts; do not edit by hand. -->

The pack in \`policies/\` finds the mistakes that cost home clusters their data. It runs on any Pulumi
program that declares Kubernetes objects: typed classes, rendered Helm charts, and the objects of
CloudNativePG, Longhorn, Rook, k8up, VolSync and Velero. It needs no account:

\`\`\`sh
pulumi preview --policy-pack policies
pulumi up --policy-pack policies
pulumi stack export > state.json
pulumi policy analyze --policy-pack policies --file state.json
\`\`\`

A **violation** of a mandatory policy stops the preview and the update. **Advice** never does; it is
reported by a policy of its own, \`<id>-advice\`, so that it can be silenced apart. Policies of scope
*object* stop an object before it is created; policies of scope *stack* look at all objects together
at the end of a preview, which is why \`pulumi up\` should not skip its preview. What is known only
after the update is advice in the preview and judged again in the update.

## Exemptions

An object says itself why it is an exception, with an optional last day:

\`\`\`yaml
metadata:
  annotations:
    larder.dev/exempt.images-pinned: "built on this node; until 2027-03-31"
\`\`\`

Without a reason, or past its last day, an exemption does not count, and the message says so. An
exemption covers the advice of its policy too. Objects that cannot carry annotations are named in the
configuration: \`{ "images-pinned": { "exempt": { "Deployment apps/gitea": "reason" } } }\`.

## Configuration

\`--policy-pack-config file.json\` takes, for each policy, a level (\`advisory\`, \`mandatory\`,
\`remediate\`, \`disabled\`) or an object with \`enforcementLevel\` and the keys named below:

\`\`\`json
{
  "postgres-over-sqlite": { "classes": { "nas": "network-file" } },
  "workload-spread": "advisory",
  "volume-has-backup-advice": "disabled"
}
\`\`\`

Advice takes the configuration of its policy unless it is given one of its own. A wrong value or an
unknown key ends the run with one error that names the known keys. Policies marked *can correct* change
what they find at level \`remediate\`; that is off by default.
`;

function overview(): string {
  const rows = rules.map((rule) => {
    const link = `[${rule.id}](#${rule.id})`;
    const kinds = [rule.scope, rule.advises ? 'advises' : '', corrects(rule) ? 'can correct' : ''];
    return `| ${link} | ${rule.severity} | ${rule.level} | ${kinds.filter(Boolean).join(', ')} | ${rule.description} |`;
  });
  return [
    '| Policy | Severity | Level | Kind | What must hold |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function corrects(rule: Rule): boolean {
  return rule.scope === 'object' && rule.remedy !== undefined;
}

function section(rule: Rule): string {
  const advice = rule.advises ? ` Advice: \`${nameOfPolicy(rule, 'advice')}\`.` : '';
  const remedy = corrects(rule) ? ' Can correct what it finds.' : '';
  return [
    `## ${rule.id}`,
    '',
    `${rule.description}`,
    '',
    `Severity ${rule.severity}, ${rule.level}, scope ${rule.scope}.${advice}${remedy}`,
    '',
    `**Why.** ${rule.why}`,
    '',
    `**Good.** ${rule.good}`,
    '',
    `**Bad.** ${rule.bad}`,
    '',
    '**Ways out.**',
    '',
    ...rule.waysOut.map((way, index) => `${index + 1}. ${way}`),
    '',
    ...configuration(rule),
  ].join('\n');
}

function configuration(rule: Rule): readonly string[] {
  const own = Object.entries(schemaOf(rule).properties).filter(([key]) => key !== 'exempt');
  if (own.length === 0) return [];
  const rows = own.map(([key, schema]) => {
    const byDefault =
      schema.default === undefined ? '' : ` Default: \`${JSON.stringify(schema.default)}\`.`;
    const choice =
      schema.enum === undefined ? '' : ` One of ${schema.enum.map(String).join(', ')}.`;
    return `- \`${key}\`: ${schema.description ?? ''}${choice}${byDefault}`;
  });
  return ['**Configuration.**', '', ...rows, ''];
}

function applicationSection(): string {
  const rows = applications
    .toSorted((one, other) => one.name.localeCompare(other.name))
    .map(applicationRow);
  return [
    '## Applications that postgres-over-sqlite knows',
    '',
    'More can be added under `applications` in its configuration. A default marked with a star is common',
    'knowledge that nobody has read at the source; it leads to advice only.',
    '',
    '| Application | Image | Database by default | How to choose a server database |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function applicationRow(application: Application): string {
  const images = application.images.map((image) => `\`${image}\``).join(', ');
  const star = application.isAssumed === true ? ' *' : '';
  const advice =
    application.makersAdvice === undefined ? '' : ` (makers: ${application.makersAdvice})`;
  const hint = application.serverHint ?? 'none offered';
  return `| ${application.name} | ${images} | ${application.byDefault}${star} | ${hint}${advice} |`;
}
