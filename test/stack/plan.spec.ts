import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { subjectOf } from '../../components/plan/from-shelf.ts';
import { planOf, planOutputs } from '../../components/plan/plan.ts';
import { renderPlan } from '../../components/plan/render.ts';
import { resolveShelf } from '../../components/config/resolve.ts';
import type { LabFault } from '../../lab/base/fault.ts';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { checkStackValues, readStackValues } from '../../lab/stack/stack-file.ts';
import { assertGolden } from './support/golden.ts';

const stacks = globSync('Pulumi.*.yaml', { cwd: repositoryRoot }).map((file) =>
  file.slice('Pulumi.'.length, -'.yaml'.length),
);

function planOfStack(stack: string) {
  const resolved = resolveShelf(checkStackValues(stack, readStackValues(stack)));
  assert.ok(resolved.ok, JSON.stringify(resolved));
  return planOf(subjectOf(stack, resolved.shelf));
}

describe('plan of a stack', () => {
  for (const stack of stacks)
    it(`says of ${stack} what its golden file says`, () => {
      assertGolden(`plan-${stack}`, renderPlan(planOfStack(stack)));
    });

  it('names the stacks there are when it is asked for one that is not', () => {
    assert.throws(
      () => planOfStack('homelap'),
      (error: LabFault) =>
        /There is no stack homelap: Pulumi\.homelap\.yaml is not in the folder/.test(
          error.message,
        ) && /name one of growing, homelab,/.test(error.hint),
    );
  });

  it('says the same in the outputs of the stack', () => {
    const { failures, capacity } = planOutputs(planOfStack('homelab'));
    assert.match(
      failures['disk kube01/nvme dies'] ?? '',
      /^postgres-main: lost; restore the newest dump from kube02\/nvme, up to a day old$/,
    );
    assert.match(capacity['local-ssd'] ?? '', /^10 GiB promised, .* survives no failure$/);
  });
});
