/**
 * `npm run plan`: what fits, what copies cost, and what each single failure does, from the stack
 * file alone. `npm run plan -- --stack pi-rack` for another stack than the homelab.
 */
import { parseArgs } from 'node:util';
import { resolveShelf } from '../components/config/resolve.ts';
import { subjectOf } from '../components/plan/from-shelf.ts';
import { planOf } from '../components/plan/plan.ts';
import { renderPlan } from '../components/plan/render.ts';
import { explainProblems } from '../components/rules/problem.ts';
import { command } from './base/command.ts';
import { LabFault } from './base/fault.ts';
import { homelabStack } from './stack/homelab.ts';
import { checkStackValues, readStackValues } from './stack/stack-file.ts';

await command(async () => {
  const { values } = parseArgs({
    options: { stack: { type: 'string', short: 's', default: homelabStack } },
  });
  const { stack } = values;
  const resolved = resolveShelf(checkStackValues(stack, readStackValues(stack)));
  if (!resolved.ok)
    throw new LabFault(explainProblems(stack, resolved.problems), `correct Pulumi.${stack}.yaml`);
  process.stdout.write(renderPlan(planOf(subjectOf(stack, resolved.shelf))));
  return 0;
});
