/** The systems of the scenarios, as their stack files declare them. */
import assert from 'node:assert/strict';
import { assertGolden, renderRun } from './support/golden.ts';
import { type ProgramRun, runProgram, secretMark, stackConfig } from './support/record.ts';
import { stateAfter, stepsBetween } from './support/steps.ts';

const stacks = ['pi-rack', 'lesson', 'growing', 'hybrid-rack', 'orange-shelf'];

/** Paths of variables with an empty value, anywhere in the inputs of a resource. */
function emptyVariables(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const at = `${path}.${key}`;
    if (key !== 'env' || !Array.isArray(inner)) return emptyVariables(inner, at);
    const names = (inner as { name?: string; value?: unknown }[]).filter(
      (each) => each.value === '',
    );
    return names.map(({ name }) => `${at} ${name}`);
  });
}

for (const stack of stacks) {
  describe(`${stack} stack`, () => {
    let run: ProgramRun;
    before(async () => {
      run = await runProgram({ stack, config: stackConfig(stack) });
    });

    it('declares what its golden file says', () => {
      assertGolden(stack, renderRun(run));
    });

    it('declares the same when it runs again on what it made', async () => {
      const again = await runProgram({ stack, config: stackConfig(stack), state: stateAfter(run) });
      const steps = stepsBetween(run, again).map(({ op, resource }) => `${op} ${resource.name}`);
      assert.deepEqual(steps, []);
    });

    it('protects and keeps everything that holds data', () => {
      const kinds = /:(?:Namespace|PersistentVolume|PersistentVolumeClaim|Release|RandomPassword)$/;
      const holding = run.resources.filter(({ type }) => kinds.test(type));
      assert.ok(holding.length > 0);
      for (const { urn, options } of holding)
        assert.deepEqual([options.protect, options.retainOnDelete], [true, true], urn);
    });

    it('gives no container an empty variable, which every look for drift would miss', () => {
      const empty = run.resources.flatMap(({ name, inputs }) => emptyVariables(inputs, name));
      assert.deepEqual(empty, []);
    });

    it('shows no secret', () => {
      for (const { type, urn, inputs } of run.resources) {
        if (type === 'kubernetes:core/v1:Secret') assert.equal(inputs['data'], secretMark, urn);
        if (type === 'pulumi:providers:kubernetes')
          assert.equal(inputs['kubeconfig'], secretMark, urn);
      }
    });

    it('has one default class', () => {
      const isDefault = 'storageclass.kubernetes.io/is-default-class';
      const defaults = run.resources.filter(({ type, inputs }) => {
        const { annotations = {} } = (inputs['metadata'] ?? {}) as {
          annotations?: Record<string, string>;
        };
        return type.endsWith(':StorageClass') && annotations[isDefault] === 'true';
      });
      assert.equal(defaults.length, 1);
    });
  });
}
